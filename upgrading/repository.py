"""Run git in the copy and in temporary worktrees."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from settings.kit_record import ROOT

NAMESPACE = "refs/kit"
# No hook runs and nothing is packed while a tree is half-way.
OPTIONS = (
    *("-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false", "-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false", "-c", "rerere.enabled=false"),
    # An undo removes the files of the release, so none of the developer's may hide among them.
    *("-c", "status.showUntrackedFiles=normal"),
)
# A hook or an alias that calls this sets these, and they would point elsewhere.
FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY")


class UpgradeRefused(Exception):
    """An upgrade cannot be done. The message says why, and what to do."""


@dataclass(frozen=True)
class Repository:
    """A working tree of git."""

    folder: Path = ROOT

    def git(
        self,
        *arguments: str,
        given: str | None = None,
        timeout: float | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> str:
        """Return the output of git. Raises UpgradeRefused with git's own message."""
        done = self.try_git(*arguments, given=given, timeout=timeout, variables=variables)
        if done.returncode:
            reason = (done.stderr or done.stdout).strip()
            raise UpgradeRefused(f"git {_command(arguments)} failed: {reason}")
        return done.stdout

    def try_git(
        self,
        *arguments: str,
        given: str | None = None,
        timeout: float | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run git, whatever its exit code. Raises UpgradeRefused if it is missing or too slow."""
        environment = {name: text for name, text in os.environ.items() if name not in FOREIGN}
        try:
            return subprocess.run(  # noqa: S603 - git with the arguments of this package
                ["git", *OPTIONS, *arguments],  # noqa: S607 - the developer's own git
                cwd=self.folder,
                env=environment | {"LC_ALL": "C"} | dict(variables or {}),
                input=given,
                stdin=subprocess.DEVNULL if given is None else None,
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="surrogateescape",
                timeout=timeout,
                check=False,
            )
        except FileNotFoundError:
            raise UpgradeRefused("git is not installed, and an upgrade is a merge.") from None
        except subprocess.TimeoutExpired:
            raise UpgradeRefused(
                f"git {_command(arguments)} got no answer within {timeout:.0f} seconds."
            ) from None

    def commit_of(self, name: str) -> str:
        """Return the id of a commit, or "" if there is none of this name."""
        found = self.try_git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        return found.stdout.strip()

    def text_of(self, name: str) -> str:
        """Return the text of a file in a commit, as in HEAD:pyproject.toml."""
        return self.git("show", name)

    def is_ancestor(self, one: str, other: str) -> bool:
        return not self.try_git("merge-base", "--is-ancestor", one, other).returncode

    def path(self, name: str) -> Path:
        """Return the path of a file of git's own, such as MERGE_HEAD."""
        return self.folder / self.git("rev-parse", "--git-path", name).strip()

    def ensure_own(self) -> None:
        """Raise UpgradeRefused unless the project is a repository of its own with a commit."""
        top = self.try_git("rev-parse", "--show-toplevel")
        if top.returncode:
            raise UpgradeRefused(
                "This folder is no git repository, so an upgrade could not be undone. Make it "
                "one:\ngit init && git add --all && git commit -m 'Begin'"
            )
        if Path(top.stdout.rstrip("\n")).resolve() != self.folder.resolve():
            raise UpgradeRefused(
                f"The repository begins at {top.stdout.strip()}. An upgrade needs the project to "
                "be the top folder of its repository."
            )
        if not self.commit_of("HEAD"):
            raise UpgradeRefused("There is no commit yet. Commit your files first.")

    def ensure_clean(self) -> None:
        """Raise UpgradeRefused unless the working tree is clean and can take a merge."""
        for name in (
            "MERGE_HEAD",
            "CHERRY_PICK_HEAD",
            "REVERT_HEAD",
            "rebase-merge",
            "rebase-apply",
        ):
            if self.path(name).exists():
                raise UpgradeRefused(
                    "git is in the middle of a merge or rebase. Finish it first, or end it: "
                    "`git status` says how."
                )
        if changed := self.git("status", "--porcelain").strip("\n"):
            raise UpgradeRefused(
                "The working tree has changes. Commit them first, so that the upgrade is a commit "
                f"of its own and can be undone:\n{changed}"
            )
        if self.try_git("var", "GIT_COMMITTER_IDENT").returncode:
            raise UpgradeRefused(
                "git does not know who you are. Set user.name and user.email: "
                "git config user.name 'Ada', git config user.email ada@example.com"
            )


def _command(arguments: Sequence[str]) -> str:
    """Return the command of git among the arguments, which options may precede."""
    rest = list(arguments)
    while rest[0] == "-c":
        del rest[:2]
    return rest[0]
