"""Find the releases of the kit at a remote, in a folder or in a bundle, and fetch them."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from settings.kit_record import FILE, KitRecord
from settings.kit_record import parsed as parsed_record
from upgrading.repository import NAMESPACE, Repository, UpgradeRefused

VERSION = re.compile(r"v?(\d{1,6})\.(\d{1,6})\.(\d{1,6})")
TAG = re.compile(r"^[0-9a-f]+\trefs/tags/(v?\d{1,6}\.\d{1,6}\.\d{1,6})$", re.MULTILINE)
REMOTE = "kit"  # docs/upgrading.md names the kit's remote so
ANSWER_SECONDS = 60
SHALLOW = "This clone is shallow. Fetch the rest: git fetch --unshallow. Or: "
NONE = "There is no release: no tag is named as v1.2.0."
UNKNOWN = (
    "Say in pyproject.toml from which release this copy was made: below a line [tool.kit], write "
    'version = "1.0.0", and commit.'
)
# A server that sends less than a byte a second for half a minute is as good as away.
PATIENCE = ("-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=30")


def parsed(version: str) -> tuple[int, ...]:
    """Return the three numbers of a version. Raises UpgradeRefused."""
    if not (found := VERSION.fullmatch(version)):
        raise UpgradeRefused(f"A release has three numbers, as in 1.2.0, and not {version!r}.")
    return tuple(int(part) for part in found.groups())


def shown(version: str) -> str:
    """Return a version without the "v" of a tag."""
    return ".".join(str(part) for part in parsed(version))


@dataclass(frozen=True)
class Source:
    """A remote's name or URL, or the path of a repository or a bundle."""

    name: str

    def tags(self, repository: Repository) -> dict[str, str]:
        """Return the tags of releases by version. Raises UpgradeRefused."""
        try:
            listed = repository.git(
                *PATIENCE, "ls-remote", "--quiet", "--tags", "--", self.name, timeout=ANSWER_SECONDS
            )
        except UpgradeRefused as error:
            raise UpgradeRefused(
                f"The releases at {self.name} cannot be read: {error}\nTry again later, or give a "
                "bundle: python manage.py upgrade --from kit.bundle"
            ) from None
        return {shown(tag): tag for tag in TAG.findall(listed)}

    def fetch(self, repository: Repository, tag: str) -> str:
        """Fetch a release to a name of its own, and return its commit. Raises UpgradeRefused.

        The copy's own tags stay as they are, because they may have the same names.
        """
        name = f"{NAMESPACE}/releases/{shown(tag)}"
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--force", "--no-auto-gc")
        wanted = f"refs/tags/{tag}:{name}"
        repository.git(*PATIENCE, "fetch", *options, "--", self.name, wanted)
        return repository.commit_of(name)


def choose_source(repository: Repository, record: KitRecord, given: str) -> Source:
    """Return the source that is given, recorded, or the remote `kit`. Raises UpgradeRefused."""
    name = given or record.source
    remotes = repository.git("remote").split()
    if not name and REMOTE in remotes:
        name = REMOTE
    if not name:
        raise UpgradeRefused(
            "No source of releases is recorded. Name it once: python manage.py upgrade --from URL, "
            "where URL may also be the path of a repository or a bundle."
        )
    if name.startswith("-"):
        raise UpgradeRefused(f"{name} is no URL and no path.")
    if name not in remotes and Path(name).exists():
        name = str(Path(name).resolve())
    return Source(name)


def choose_version(tags: dict[str, str], present: str, wanted: str) -> str:
    """Return the wanted release, or the newest. Raises UpgradeRefused unless it is newer."""
    if wanted:
        wanted = shown(wanted)
    known = sorted(tags, key=parsed)
    if not known:
        raise UpgradeRefused(NONE)
    version = wanted or known[-1]
    if version not in tags:
        raise UpgradeRefused(f"There is no release {version}. The releases are {', '.join(known)}.")
    if parsed(version) == parsed(present):
        raise UpgradeRefused(f"This copy has {present} already, and nothing was changed.")
    if parsed(version) < parsed(present):
        raise UpgradeRefused(
            f"{version} is older than {present}, which this copy has. To take back the last "
            "upgrade: python manage.py upgrade --undo"
        )
    return version


def completed(
    repository: Repository, record: KitRecord, source: Source, tags: dict[str, str]
) -> KitRecord:
    """Return the record with the release that this copy has. Raises UpgradeRefused.

    A copy that records none has the release whose history it shares.
    """
    if not tags:
        raise UpgradeRefused(NONE)
    version = record.version if record.is_recorded else ""
    if not version:
        newest = source.fetch(repository, tags[max(tags, key=parsed)])
        shared = repository.try_git("merge-base", "HEAD", newest).stdout.strip()
        if shared and not repository.try_git("cat-file", "-e", f"{shared}:{FILE}").returncode:
            version = parsed_record(repository.text_of(f"{shared}:{FILE}")).version
    if not VERSION.fullmatch(version):
        is_shallow = repository.git("rev-parse", "--is-shallow-repository").strip() == "true"
        raise UpgradeRefused(f"{SHALLOW}{UNKNOWN}" if is_shallow else UNKNOWN)
    return replace(record, version=shown(version))


def choose_base(
    repository: Repository, record: KitRecord, source: Source, tags: dict[str, str], new: str
) -> str:
    """Return the commit of the kit that this copy has. Raises UpgradeRefused.

    This is the recorded release, or a later commit of the kit that both histories share.
    """
    shared = repository.try_git("merge-base", "HEAD", new).stdout.strip()
    release = shown(record.version)
    if release in tags:
        old = source.fetch(repository, tags[release])
        return shared if shared and repository.is_ancestor(old, shared) else old
    if shared:
        return shared
    raise UpgradeRefused(
        f"{source.name} has no release {release}, and shares no history with this copy. {UNKNOWN}"
    )
