"""Run `manage.py features remove` in a repository of its own with the files of this one."""

import sqlite3
from contextlib import closing

import pytest

from app.kit.features import checkout, guides, installed, removal
from app.kit.features.checkout import CommandRefused
from tests.fixtures.clones import database_of, git, tables

# These tests remove a feature with tables and settings, so it must exist.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("imports" not in installed(), reason="The feature imports was removed."),
]

FAILING = """
import os
import signal
import sys
from app.kit.features import guides, removal
from manage import cli

def fail(*_arguments, **_named):
    {failure}

removal.{step} = fail
sys.argv[1:] = ["features", "remove", "imports", "--yes"]
cli()
"""


def add_row_of_imports(clone):
    with closing(sqlite3.connect(database_of(clone))) as connection, connection:
        connection.execute("INSERT OR REPLACE INTO import_chunks VALUES (1, 1, 'a row')")


def rows_of_imports(clone):
    with closing(sqlite3.connect(database_of(clone))) as connection:
        return connection.execute("SELECT * FROM import_chunks").fetchall()


def test_a_feature_is_removed_whole(in_clone, clone):
    (clone / "tests/test_mine.py").write_text("from app.features.imports import PEOPLE\n")
    # `db downgrade` asks before it deletes these rows. The removal has asked, or got `--yes`.
    (revision,) = (clone / "app/features/imports/migrations").glob("*_0001_*.py")
    revision.write_text(f"{revision.read_text()}\nKEPT = {{'import_chunks': 'the chunks'}}\n")
    git(clone, "add", "tests/test_mine.py", str(revision))
    git(clone, "commit", "--quiet", "--message", "Test with imports")
    add_row_of_imports(clone)
    removed = in_clone("features", "remove", "imports", "--yes")
    assert removed.returncode == 0, removed.stderr
    assert not (clone / "app/features/imports").exists()
    assert not {"imports", "import_chunks", "import_results", "import_problems"} & tables(clone)
    assert "users" in tables(clone)
    # Everything is staged: only a commit is left to do.
    assert not git(clone, "diff", "--name-only")
    assert not git(clone, "ls-files", "--others", "--exclude-standard")
    for words in ("Dropped imports,", "Removed app/features/imports", "make test"):
        assert words in removed.stdout
    assert "left out until you change them: tests/test_mine.py.\n" in removed.stdout
    listed = in_clone("features", "list").stdout
    assert "imports" not in {line.split()[0] for line in listed.splitlines()}
    assert in_clone("db", "upgrade").returncode == 0


@pytest.mark.parametrize(
    ("step", "failure"),
    [
        ("checkout.write_overviews", "raise OSError('the disk is full')"),
        ("checkout.write_overviews", "os.kill(os.getpid(), signal.SIGHUP)"),
        ("flask_migrate.downgrade", "raise OSError('the disk is full')"),
    ],
)
def test_a_removal_that_fails_leaves_everything_as_it_was(in_clone, clone, step, failure):
    add_row_of_imports(clone)
    before, rows = tables(clone), rows_of_imports(clone)
    assert rows
    failed = in_clone("-c", FAILING.format(step=step, failure=failure))
    assert failed.returncode != 0
    assert "the disk is full" in failed.stderr or "SIGHUP" in failure
    assert not git(clone, "status", "--porcelain")
    assert tables(clone) == before
    assert rows_of_imports(clone) == rows


def test_a_tree_with_changes_is_refused(in_clone, clone):
    (clone / "note.txt").write_text("mine")
    refused = in_clone("features", "remove", "imports", "--yes")
    assert refused.returncode == 1
    assert "The working tree has changes. Commit them first" in refused.stderr
    assert "note.txt" in refused.stderr
    assert (clone / "app/features/imports").exists()


def test_a_feature_that_other_code_imports_is_refused(in_clone, clone):
    path = clone / "app/main/views.py"
    path.write_text(f"import app.features.imports\n{path.read_text()}")
    git(clone, "commit", "--quiet", "--all", "--message", "Rely on imports")
    refused = in_clone("features", "remove", "imports", "--yes")
    git(clone, "reset", "--quiet", "--hard", "HEAD~")
    assert refused.returncode == 1
    assert "The application does not start without imports" in refused.stderr
    assert "imports" in tables(clone)


def test_nothing_is_removed_without_an_answer(in_clone, clone):
    asked = in_clone("features", "remove", "imports")
    assert "lose their rows for good" in asked.stdout
    assert asked.returncode == 1
    assert not git(clone, "status", "--porcelain")


def test_an_unknown_feature_is_refused(app):
    refused = app.test_cli_runner().invoke(args=["features", "remove", "nothing"])
    assert refused.exit_code == 1
    assert "There is no feature nothing. The features are " in refused.output


def test_a_feature_that_another_requires_is_refused(app):
    for one in installed().values():
        for name in one.requires:
            with pytest.raises(CommandRefused, match=f"required by .*{one.name}"):
                removal.check(name)


GUIDE = """\
# A guide

A sentence stays. Another on [bulk](../app/features/bulk/README.md) goes, and the
paragraph is wrapped again. Set `KEEP_BULK_OPERATIONS`, too. `app/features/bulkers` stays.

`app/features/bulk` begins this paragraph. It goes as a whole.

| folder | what |
|---|---|
| `app/features/bulk` | rows go |
| `app/features/bulkers` | stays |

<!-- a mark -->
- An item on [bulk](../app/features/bulk/README.md)
  goes with its second line.
- `KEEP_BULK_OPERATIONS` goes too.
- Another item
  stays.

## Bulk

A section whose first sentence names `app/features/bulk` goes.

### More of it

It goes with its sections.

```
# app/features/bulk of an example


```

## Others

```
app/features/bulk of an example stays


```

```sh
python manage.py db upgrade
sudo -u app python manage.py finish_bulk --deploy \\
  --quickly
```

Also `sudo -u app /srv/manage finish_bulk`. The end.

```sh
python manage.py finish_bulk
```
"""
KEPT = """\
# A guide

A sentence stays. `app/features/bulkers` stays.

| folder | what |
|---|---|
| `app/features/bulkers` | stays |

<!-- a mark -->
- Another item
  stays.

## Others

```
app/features/bulk of an example stays


```

```sh
python manage.py db upgrade
```

The end.

"""


def test_guides_lose_what_they_say_about_the_feature(app, monkeypatch):
    monkeypatch.setattr(checkout, "commands_in", lambda _folder: ["finish_bulk"])
    folder, words = guides.words_of(installed()["bulk"])
    assert guides.text_without(GUIDE, folder, words) == KEPT
