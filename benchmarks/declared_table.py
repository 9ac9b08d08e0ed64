"""Measure a table as `manage.py new` writes it: its list and file, an import and a bulk action.

The list has a thousand and a million rows. Django's admin and Flask-Admin show a hundred rows of
the same table, in the same database.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.clients import Browser
from benchmarks.exporting import export
from benchmarks.memory import processor_seconds
from benchmarks.results import Result, at_least, at_most, compare
from benchmarks.seeding import ADMINISTRATOR
from benchmarks.stand import SQLITE, Stand
from benchmarks.user_list import Asked, django_browser, median_of, milliseconds
from config import BASE_DIR

FEATURE = "projects"
# Seven columns and a relation: the table has `created_at` too.
FIELDS = (
    "name:str", "owner:user", "status:choice(draft,active,done)", "budget:money", "hours:int",
    "due_on:date", "notes:text",
)  # fmt: skip
LEFT_OUT = (".git", ".venv*", ".env", ".*_cache", "instance")
ROWS = 100
LIST = f"/admin/{FEATURE}?per_page={ROWS}"
PEOPLE = 1_000  # who own the rows
GROWTH_BAR = 2.0  # times the duration with few rows
RENDERING_BAR = 0.012  # seconds of the processor for a page
EXPORT_BAR = 2.0  # times as fast as Django
IMPORT_BAR, DELETION_BAR = 60.0, 15.0  # seconds


def questions(rows: int) -> list[Asked]:
    """Return the questions for a list of `rows` rows, which are called "Project 1" and so on."""
    part, last = rows // 2, max(1, rows // ROWS)
    return [
        Asked("search, one hit", f"{LIST}&search={part}", f"?q={part}", f"?search={part}", 50),
        Asked("first page", LIST, "", "", 5),
        Asked("last page", f"{LIST}&last=1", f"?p={last}", f"?page={last - 1}", 10),
    ]


def table(stand: Stand) -> Iterator[Result]:
    """Time the list and its file, with one request after another."""
    folder = _with_feature(stand.folder / "generated")
    for engine in stand.engines():
        yield from _of_engine(stand, engine, folder)


def _of_engine(stand: Stand, engine: str, folder: Path) -> Iterator[Result]:
    few, most = stand.sizes.few_people, stand.sizes.most_people
    databases = {rows: _database(stand, engine, folder, rows) for rows in {few, most}}
    small, large = databases[few], databases[most]
    port = stand.kit(large, folder=folder)
    kit = stand.browser(port, ADMINISTRATOR)
    kit_with_few = stand.browser(stand.kit(small, folder=folder), ADMINISTRATOR)
    for asked, asked_of_few in zip(questions(most), questions(few), strict=True):
        title = f"{engine}, a table of `new`, {asked.name}"
        now = median_of(stand, kit, asked.kit)
        found = compare(stand.sizes.rounds, now, median_of(stand, kit_with_few, asked_of_few.kit))
        measure = f"{milliseconds(found.first)} with {most:,} rows, "
        measure += f"{milliseconds(found.second)} with {few:,}"
        yield at_most(title, measure, found.ratio, GROWTH_BAR)
        if stand.peers():
            yield from _beside_peers(stand, large, asked, now, title)
    taken = _processor_time_of_a_page(stand, port, kit)
    if taken is not None:
        bar = f"≤ {milliseconds(RENDERING_BAR)}" if engine == SQLITE else ""
        yield Result(
            f"{engine}, a table of `new`, processor time of a page of {ROWS} rows",
            milliseconds(taken),
            bar=bar,
            met=taken <= RENDERING_BAR if bar else None,
        )
    yield from _file(stand, engine, large, kit)


def _beside_peers(
    stand: Stand, url: str, asked: Asked, kit: Callable[[], float], title: str
) -> Iterator[Result]:
    flask_admin = stand.browser(stand.flask_admin(url))
    for peer, browser, path, bar in (
        ("Django admin", django_browser(stand, url), f"/admin/peers/project/{asked.django}", True),
        ("Flask-Admin", flask_admin, f"/admin/project/{asked.flask_admin}", False),
    ):
        found = compare(stand.sizes.peer_rounds, median_of(stand, browser, path, few=True), kit)
        measure = f"{milliseconds(found.first)}, the kit {milliseconds(found.second)}"
        if bar:
            yield at_least(f"{title}: {peer}", measure, found.ratio, asked.bar)
        else:
            yield Result(f"{title}: {peer}", measure, f"{found.ratio:.2f}")


def _processor_time_of_a_page(stand: Stand, port: int, kit: Browser) -> float | None:
    """Return the seconds, which other programs do not change as they change the time of a page."""
    # The system counts hundredths of a second.
    requests = max(1, stand.sizes.requests * 10)
    before = processor_seconds(stand.pid(port))
    for _ in range(requests):
        kit.seconds(LIST)
    after = processor_seconds(stand.pid(port))
    return None if before is None or after is None else (after - before) / requests


def _file(stand: Stand, engine: str, url: str, browser: Browser) -> Iterator[Result]:
    rows = stand.sizes.most_people
    subject = f"{engine}, a table of `new`, export of {rows:,} rows"
    kit = export(browser, f"/admin/{FEATURE}/export.csv", rows)
    if not stand.peers():
        yield Result(subject, f"{kit():.2f} s")
        return
    django = export(django_browser(stand, url), f"/{FEATURE}.csv", rows)
    found = compare(1, django, kit)
    measure = f"{found.second:.2f} s, Django with iterator() {found.first:.2f} s"
    yield at_least(subject, measure, found.ratio, EXPORT_BAR)


def many_rows(stand: Stand) -> Iterator[Result]:
    """Import a file into the table, and delete a tenth of the rows through the service of one."""
    lines = stand.sizes.many_people
    folder = _with_feature(stand.folder / "generated")
    for engine in stand.engines():
        command = ("-m", "benchmarks.declared_work", FEATURE, str(lines), str(lines // 10))
        found = json.loads(_run(folder, *command, DATABASE_URL=stand.empty_database(engine)))
        for (title, (elapsed, processor)), bar in zip(
            found.items(), (IMPORT_BAR, DELETION_BAR), strict=True
        ):
            subject = f"{engine}, a table of `new`, {title}"
            measure = f"{elapsed:.1f} s, {processor:.1f} s of them of the processor"
            yield Result(subject, measure, "", f"≤ {bar:g} s", elapsed <= bar)


def _with_feature(folder: Path) -> Path:
    """Copy the project to `folder`, and write the feature there."""
    if not folder.exists():
        shutil.copytree(BASE_DIR, folder, ignore=shutil.ignore_patterns(*LEFT_OUT))
        _run(folder, "manage.py", "new", FEATURE, *FIELDS, "--admin", FLASK_CONFIG="development")
    return folder


def _database(stand: Stand, engine: str, folder: Path, rows: int) -> str:
    url = stand.empty_database(engine)
    people = min(PEOPLE, rows)
    command = ("-m", "benchmarks.seeding", str(people), FEATURE, str(rows))
    _run(folder, *command, DATABASE_URL=url)
    return url


def _run(folder: Path, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout
