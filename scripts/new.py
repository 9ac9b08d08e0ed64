"""Start a product from a fresh clone: name it, leave features out, choose its database.

`make new` runs it. NAME, WITHOUT and DATABASE answer its questions; what is missing is asked for if
there is a terminal. All of it becomes one commit on top of the kit's, which later merges go by. If
a step fails or Ctrl-C ends it, the clone is as it was before.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import make_url

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.kit.renaming import NameRefused, checked  # noqa: E402 - after the path
from settings import kit_record, manifests, product, urls  # noqa: E402
from settings.normalise import in_quotes  # noqa: E402
from settings.reader import ConfigurationError  # noqa: E402

ENV = ROOT / ".env"
FIRST_VERSION = "0.1.0"
LOCKED = re.compile(r"Take (?P<packages>.+) out of the locks: ")
CHANGES = """\
# Changelog

Changes of {name}, in the form of [Keep a Changelog](https://keepachangelog.com/en/1.1.0/).
docs/upgrading.md says how to bring a release of the kit into this copy.

## [Unreleased]

### Added

- {name}, from version {version} of the kit.
"""


class Refused(Exception):
    """An answer cannot be used, or a step failed. The message says why."""


def main() -> None:
    os.chdir(ROOT)
    check_clone()
    name = ask("NAME", "What is your product called, such as Acme Shop?", checked)
    show_features()
    left_out = ask("WITHOUT", "Which features do you leave out (none: Enter)?", features, "")
    database, is_made = ask(
        "DATABASE",
        "Database: sqlite, postgresql, or a URL?",
        lambda text: make_database(database_url(text), product.slug(name).replace("-", "_")),
        "sqlite",
    )
    try:
        start(name, left_out, database)
    except BaseException:
        if is_made:
            drop_database(database)
        raise


def stop(*_arguments: object) -> None:
    """Let a signal undo what is done, as Ctrl-C does."""
    raise KeyboardInterrupt


def check_clone() -> None:
    if git("rev-parse", "--show-prefix"):
        raise Refused("This folder is part of another repository. Clone the kit first.")
    if changed := git("status", "--porcelain", "--untracked-files=normal"):
        raise Refused(f"The clone has changes. Commit or undo them first:\n{changed}")
    for key in ("user.name", "user.email"):
        if not git("config", key, may_fail=True):
            raise Refused(f"git does not know you: git config --global {key} …")
    if kit_record.parsed(package()).is_recorded:
        raise Refused(
            f"This copy is {product.name()} already. `python manage.py rename` and "
            "`python manage.py features remove` change it."
        )


def ask(variable, question, check, default=None):
    """Return the checked value of a variable, or of an answer, which is asked for until it will do.

    Without a terminal, the default counts as the answer.
    """
    given = os.environ.get(variable)
    if given is None and not sys.stdin.isatty():
        given = default
    if given is not None:
        try:
            return check(given)
        except (Refused, NameRefused) as error:
            raise Refused(f"{variable}: {error}") from None
    if not sys.stdin.isatty():
        raise Refused(f'{variable} is missing, as in make new {variable}="Acme Shop".')
    while True:
        shown = f" [{default}]" if default else ""
        try:
            return check(input(f"{question}{shown} ") or default or "")
        except (Refused, NameRefused) as error:
            print(error)


def show_features() -> None:
    if "WITHOUT" not in os.environ and sys.stdin.isatty():
        for _name, feature in sorted(manifests.read().items()):
            print(f"  {feature.name:20} {feature.summary}")


def features(text: str) -> list[str]:
    """Return the features to leave out, each before those that it requires. Raises Refused."""
    known, rest = manifests.read(), {*text.replace(",", " ").split()}
    if unknown := sorted(rest - {*known}):
        names = ", ".join(sorted(known))
        raise Refused(f"There is no feature {', '.join(unknown)}. There are {names}.")
    for one in known.values():
        if one.name not in rest and (needed := sorted(rest & {*one.requires})):
            raise Refused(f"{one.name} requires {', '.join(needed)}: leave it out as well.")
    ordered: list[str] = []
    while rest:
        free = sorted(n for n in rest if not any(n in known[other].requires for other in rest))
        ordered += free
        rest -= {*free}
    return ordered


def database_url(text: str) -> str:
    """Return the URL of the database for development, or "" for SQLite. Raises Refused."""
    if text in {"", "sqlite"}:
        return ""
    if text in {"postgres", "postgresql"}:
        return "postgresql:///"  # on this machine, as the user of the system
    if not text.startswith(("postgres://", "postgresql://")):
        raise Refused("It is sqlite, postgresql, or a URL such as postgresql://user@host/name.")
    try:
        urls.database(text)
    except (ValueError, ConfigurationError) as error:
        raise Refused(f"The database's URL {error}") from None
    return text


def with_name(url: str, name: str) -> str:
    """Return the URL with a name of a database, unless it has one."""
    parts = make_url(url)
    return url if parts.database else parts.set(database=name).render_as_string(False)


def make_database(url: str, name: str) -> tuple[str, bool]:
    """Create the database of a URL, called `name` if the URL names none, unless it exists.

    Return its URL, and whether it is new. "" stands for SQLite, which needs none. Raises Refused.
    """
    if not url:
        return "", False
    url = with_name(url, name)
    name = make_url(url).database or ""
    query = "SELECT 1 FROM pg_database WHERE datname = %s"
    try:
        with on_server(url) as connection:
            if connection.execute(query, [name]).fetchone():
                say(f"The database {name} exists already, and stays as it is")
                return url, False
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except psycopg.Error as error:
        raise Refused(f"PostgreSQL refused: {str(error).strip()}") from None
    say(f"Created the database {name}")
    return url, True


def drop_database(url: str) -> None:
    name = sql.Identifier(make_url(url).database or "")
    with suppress(psycopg.Error), on_server(url) as connection:
        connection.execute(sql.SQL("DROP DATABASE {}").format(name))


def on_server(url: str) -> psycopg.Connection:
    """Connect to the server of a database."""
    server = make_url(url).set(drivername="postgresql", database="postgres")
    return psycopg.connect(server.render_as_string(False), autocommit=True, connect_timeout=10)


def start(name: str, left_out: list[str], database: str) -> None:
    begin, settings = git("rev-parse", "HEAD"), ENV.read_bytes()
    version = kit_record.parsed(package()).product
    try:
        if database:
            add_setting("DEV_DATABASE_URL", database)
        say(f"Naming it {name}")
        manage("rename", name, "--yes")
        commit("Rename")
        steps = [line for one in left_out for line in remove(one)]
        write_records(name, version)
        git("reset", "--soft", begin)
        git("add", "--all")
        without = f"\n\nWithout {', '.join(left_out)}." if left_out else ""
        commit(f"Start {name} from version {version} of the kit{without}")
    except BaseException:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C would leave half of it
        git("reset", "--hard", begin)
        git("clean", "--force", "-d", "--quiet", "app")
        ENV.write_bytes(settings)
        raise
    tag = anchor(version, begin)
    say(f"{name} is started. Next:")
    for step in [*with_one_lock(steps), *next_steps(tag)]:
        print(f"- {step}")


def remove(name: str) -> Iterator[str]:
    """Remove a feature, and yield what is left to do by hand."""
    say(f"Leaving out {name}")
    told = manage("features", "remove", name, "--yes")
    commit(f"Remove {name}")
    for line in told.partition("\nNext:\n")[2].splitlines():
        if not re.match("- (Look at|Other databases)", line):
            yield re.sub(
                "(?<=These )(files still name|tests need) it",
                rf"\1 {name}",
                line.removeprefix("- "),
            )


def with_one_lock(steps: list[str]) -> Iterator[str]:
    """Yield each step once, and those that take packages out of the locks as one."""
    found = [LOCKED.match(step) for step in steps]
    if packages := ", ".join(one["packages"] for one in found if one):
        yield (
            f"Take {packages} out of the locks: make lock && make setup && "
            'git commit --all --message "Update the locks"'
        )
    yield from dict.fromkeys(step for step in steps if not LOCKED.match(step))


def write_records(name: str, version: str) -> None:
    """Record the kit's version, begin the product's own, and its changelog."""
    text = kit_record.with_values(package(), {"version": version})
    (ROOT / kit_record.FILE).write_text(
        kit_record.with_product_version(text, FIRST_VERSION), encoding="utf-8"
    )
    (ROOT / "CHANGELOG.md").write_text(CHANGES.format(name=name, version=version), encoding="utf-8")


def anchor(version: str, commit_of_kit: str) -> str:
    """Tag the commit of the kit, and call its repository `kit`. Return the name of the tag."""
    tag = f"kit-{version}"
    if not git("tag", "--list", tag):
        git("tag", tag, commit_of_kit)
    remotes = git("remote").split()
    if "origin" in remotes and "kit" not in remotes:
        git("remote", "rename", "origin", "kit")
    return tag


def next_steps(tag: str) -> Iterator[str]:
    yield "Start it: make run"
    yield "Write a feature: . .venv/bin/activate && python manage.py new --help"
    yield "Keep it: git remote add origin URL, then git push --set-upstream origin HEAD"
    yield f"The kit is the remote `kit`, and the tag {tag} is where you started (docs/upgrading.md)"


def add_setting(name: str, value: str) -> None:
    """Set a setting in `.env`, in place of an earlier value."""
    lines = [one for one in ENV.read_text("utf-8").splitlines() if not one.startswith(f"{name}=")]
    ENV.write_text("\n".join([*lines, f"{name}={in_quotes(value)}", ""]), encoding="utf-8")


def package() -> str:
    return (ROOT / kit_record.FILE).read_text(encoding="utf-8")


def commit(message: str) -> None:
    git("add", "--all")
    git("commit", "--quiet", "--no-verify", "--message", message)


def git(*arguments: str, may_fail: bool = False) -> str:
    return run("git", *arguments, may_fail=may_fail)


def manage(*arguments: str) -> str:
    return run(sys.executable, "manage.py", *arguments)


def run(*command: str, may_fail: bool = False) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and not may_fail:
        raise Refused(f"{' '.join(command[:4])} failed:\n{done.stderr.strip() or done.stdout}")
    return done.stdout.strip() if not done.returncode else ""


def say(message: str) -> None:
    print(f"» {message}", flush=True)


if __name__ == "__main__":
    for ending in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) is signal.SIG_DFL:
            signal.signal(ending, stop)
    try:
        main()
    except Refused as refusal:
        sys.exit(str(refusal))
    except (KeyboardInterrupt, EOFError):
        sys.exit("\nNothing was changed.")
