"""Imports into a declared table: columns, check, run, and what a hostile or unlucky file does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import pytest
from flask import Blueprint, Flask
from sqlalchemy import func, select
from wtforms import BooleanField, SubmitField

from app.decorators import permission_required
from app.extensions import db
from app.kit import audit
from app.kit.database import pauses
from app.kit.imports import table_imports, working
from app.kit.imports.csv_import import CsvImport
from app.kit.imports.table_models import TableImport, TableImportChunk, TableImportProblem
from app.kit.operations.tasks import run_table_import
from app.kit.tables import table as declarations
from app.kit.tables.actions import RowRefused
from app.kit.web import table_pages
from app.kit.web.forms import BaseForm
from app.kit.web.forms.fields import choice_field, date_field, number_field, text_field
from app.kit.web.operations import import_pages
from app.models import AuditEvent, Permission, User
from app.sign_in import me
from tests import factories
from tests.fixtures.core import Browser
from tests.kit.tables.plants import Light, Plant, PlantBase, declare

PATH = "/plants/import"
HEADER = "Name,Light,Height,Evergreen,Sown on\n"
COLUMNS = ("name", "light", "height", "evergreen", "sown_on")


class Killed(BaseException):
    """An error that no handler catches, like the death of the process."""


class PlantForm(BaseForm):
    name = text_field("Name")
    light = choice_field("Light", Light, required=False)
    height = number_field("Height", required=False)
    evergreen = BooleanField("Evergreen")
    sown_on = date_field("Sown on", required=False)
    submit = SubmitField("Save")

    def values(self) -> dict[str, Any]:
        return {name: self[name].data for name in COLUMNS}


def add(plants: Sequence[dict[str, Any]], *, by: User) -> None:
    for values in plants:
        if values["name"] == "Cactus":
            raise RowRefused("It grows on its own.")
        db.session.add(Plant(**values))


def change(plant: Plant, values: dict[str, Any], *, by: User) -> None:
    for name, value in values.items():
        setattr(plant, name, value)
    audit.record("user.created", by=by, subject=plant)


DECLARED = CsvImport(PlantForm, key="name", add=add, change=change)
only_managers = permission_required(Permission.MANAGE_USERS)


@pytest.fixture
def garden(migrated_app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """An app with a table of plants, of which an administrator may change those in the sun."""
    monkeypatch.setattr(declarations, "_declared", dict(declarations._declared))
    monkeypatch.setattr(pauses, "PAUSE_ON_SQLITE", 0)
    table = declare(endpoint="garden.plants", imports=DECLARED, csv="", csv_event="")
    garden = Blueprint("garden", __name__)

    def sunny(_by: User) -> list[Any]:
        return [Plant.light.is_distinct_from(Light.HALF_SHADE)]

    @garden.get("/plants")
    @only_managers
    def plants() -> Any:
        return table_pages.show(table)

    @garden.get("/plants.csv")
    @only_managers
    def file() -> Any:
        monkeypatch.setattr(table_pages, "record_download", lambda *_args, **_values: None)
        return table_pages.export(table, by=me())

    import_pages.add_pages(garden, "/plants", table, only_managers, by=me, where=sunny)
    migrated_app.register_blueprint(garden)
    with migrated_app.app_context():
        PlantBase.metadata.create_all(db.session.connection())
        db.session.commit()
        yield migrated_app


@pytest.fixture
def owner(garden: Flask) -> User:
    return factories.make_user(role="Administrator", email="owner@example.com")


@pytest.fixture
def browser(garden: Flask, owner: User) -> Browser:
    browser: Browser = garden.test_client()
    browser.enter(owner)
    return browser


@pytest.fixture
def other(garden: Flask) -> Browser:
    """The browser of another administrator."""
    other: Browser = garden.test_client()
    other.enter(factories.make_user(role="Administrator", email="other@example.com"))
    return other


def newest() -> Any:
    db.session.expire_all()
    return db.session.scalars(select(TableImport).order_by(TableImport.id.desc())).first()


def upload(browser: Browser, text: str | bytes, name: str = "plants.csv") -> Any:
    data = text.encode() if isinstance(text, str) else text
    parts = {'name="csrf_token"': browser.csrf_token(PATH).encode()}
    parts[f'name="file"; filename="{name}"'] = data
    # Werkzeug's client would leave a large body to the garbage collector.
    body = b"".join(
        b"--b\r\nContent-Disposition: form-data; " + part.encode() + b"\r\n\r\n" + content + b"\r\n"
        for part, content in parts.items()
    )
    content_type = "multipart/form-data; boundary=b"
    return browser.post(PATH, data=body + b"--b--\r\n", content_type=content_type)


def check(browser: Browser, text: str | bytes, **changes: str) -> Any:
    """Upload a file, take the guessed columns, and check it."""
    answer = upload(browser, text)
    assert answer.status_code == 302, answer.text
    row = newest()
    columns = {f"column_{field}": str(number) for field, number in row.mapping.items()}
    given = {"has_header": "y", "mode": "create", "update_existing": "y", **columns, **changes}
    browser.submit(f"{PATH}/{row.id}/columns", {k: v for k, v in given.items() if v})
    return newest()


def run(browser: Browser, row: Any, *, keep_good: bool = False) -> Any:
    more = "&keep_good=1" if keep_good else ""
    browser.submit(f"{PATH}/{row.id}/run?check={row.checks}{more}")
    return newest()


def plant(name: str = "Oak", **values: Any) -> Plant:
    row = Plant(name=name, **values)
    db.session.add(row)
    db.session.commit()
    return row


def names() -> list[str]:
    return sorted(db.session.scalars(select(Plant.name)))


def messages(row: Any) -> list[tuple[int, str, str]]:
    problem = TableImportProblem
    query = select(problem.line, problem.field, problem.message)
    found = db.session.execute(
        query.where(problem.import_id == row.id).order_by(problem.line, problem.id)
    )
    return [(line, field, message) for line, field, message in found]


def actions() -> list[str]:
    query = select(AuditEvent.action).where(AuditEvent.action.startswith("table_import"))
    return list(db.session.scalars(query.order_by(AuditEvent.id)))


def test_a_file_is_checked_confirmed_and_imported(browser: Browser) -> None:
    old = plant("Oak", height=3, light=Light.SUN)
    plant("Fir", evergreen=True)
    text = HEADER + "Oak,,7,,\nElm,Half shade,2,no,2026-01-31\nFir,,,yes,\n"
    row = check(browser, text)
    assert (row.state, row.counts) == ("checked", {"created": 1, "updated": 1, "unchanged": 1})
    assert names() == ["Fir", "Oak"]
    page = browser.get(f"{PATH}/{row.id}").text
    assert "<dt>To be updated</dt><dd>1</dd>" in page
    question = browser.get(f"{PATH}/{row.id}/run?check={row.checks}").text
    assert "1 plant will be added. 1 plant will be updated. 1 plant will be left" in question
    row = run(browser, row)
    assert (row.state, row.counts) == ("finished", {"created": 1, "updated": 1, "unchanged": 1})
    elm = db.session.scalars(select(Plant).filter_by(name="Elm")).one()
    assert (elm.light, elm.height, elm.evergreen, elm.sown_on) == (
        Light.HALF_SHADE, 2, False, date(2026, 1, 31),
    )  # fmt: skip
    assert (old.height, old.light) == (7, Light.SUN)  # An empty cell changes nothing.
    assert actions() == ["table_import.started", "table_import.finished"]
    finished = select(AuditEvent).filter_by(action="table_import.finished")
    event = db.session.scalars(finished).one()
    assert event.details == {"created": 1, "updated": 1, "unchanged": 1}
    assert event.actor_label == "owner@example.com"
    assert db.session.scalar(select(func.count()).select_from(TableImportChunk)) == 0
    results = browser.get(f"{PATH}/{row.id}/results.csv").text.splitlines()
    assert results[1:] == ["2,Oak,Updated,", "3,Elm,Added,", "4,Fir,Left as it is,"]


def test_a_table_with_an_import_leads_to_it(browser: Browser) -> None:
    assert f'href="{PATH}"' in browser.get("/plants").text
    page = browser.get(PATH).text
    assert "a column Name that tells plants apart" in page
    assert "Name,Light,Height,Evergreen,Sown on" in browser.get(f"{PATH}/sample.csv").text


def test_each_wrong_line_gets_a_sentence(browser: Browser) -> None:
    plant("Twin")
    plant("Twin")
    lines = [
        "Elm,moonlight,tall,perhaps,31.1.2026", ",,,,", "x" * 300 + ",,,,", "Elm,,,,",
        "Twin,,,,", "Ash,,99999999999,,", "Yew,,1,yes,2026-02-30", " ,sun,,,",
    ]  # fmt: skip
    row = check(browser, HEADER + "\n".join(lines) + "\n")
    assert messages(row) == [
        (2, "light", "Choose one of the list."),
        (2, "height", "Enter a whole number."),
        (2, "sown_on", "Enter a date like 2026-01-31."),
        (2, "evergreen", "Write yes or no."),
        (4, "name", "Use at most 200 characters."),
        (5, "name", "Line 2 has the same value."),
        (6, "name", "Several plants have this value. Change them on their pages."),
        (7, "height", "Enter a smaller number."),
        (8, "sown_on", "Enter a date like 2026-01-31."),
        (9, "name", "Fill in “Name”."),
    ]
    assert row.counts == {"problem": 7}
    assert names() == ["Twin", "Twin"]


def test_the_problems_are_listed_in_pages(browser: Browser) -> None:
    check(browser, "Name,Height\nOther,many\n")
    row = check(browser, "Name,Height\n" + "".join(f"Oak {n},tall {n}\n" for n in range(60)))
    url = f"{PATH}/{row.id}"
    first, second = browser.get(url).text, browser.get(f"{url}?page=2").text
    assert "50 of 60" in first
    assert "tall 0<" in first
    assert "tall 59<" not in first
    assert "many" not in first
    assert ">Height<" in first
    assert f'href="{url}?after=' in first
    assert "10 of 60" in second
    assert "tall 59<" in second
    assert "is no page of the list" in browser.get(f"{url}?page=x").text


def test_lines_without_a_row_are_reported_if_rows_are_only_updated(browser: Browser) -> None:
    plant("Oak")
    row = check(browser, HEADER + "Oak,,5,,\nElm,,5,,\n", mode="update", update_existing="")
    assert row.counts == {"updated": 1, "problem": 1}
    assert messages(row)[0][2].startswith("No plant has this value")


def test_rows_that_are_there_are_left_if_they_are_not_to_be_updated(browser: Browser) -> None:
    old = plant("Oak", height=1)
    row = run(browser, check(browser, HEADER + "Oak,,5,,\nElm,,5,,\n", update_existing=""))
    assert row.counts == {"created": 1, "unchanged": 1}
    assert old.height == 1


def test_rows_of_others_are_neither_seen_nor_changed(browser: Browser) -> None:
    shady = plant("Oak", light=Light.HALF_SHADE, height=1)
    row = run(browser, check(browser, HEADER + "Oak,sun,5,,\n"))
    assert row.counts == {"created": 1}
    assert (shady.height, names()) == (1, ["Oak", "Oak"])


@pytest.mark.parametrize("keep_good", [True, False])
def test_a_row_that_was_changed_since_the_check_is_not_overwritten(
    browser: Browser, keep_good: bool
) -> None:
    old = plant("Oak", height=1)
    row = check(browser, HEADER + "Fir,,5,,\nOak,,5,,\nElm,,5,,\n" + ("x,y,,,\n" * keep_good))
    old.height = 2
    plant("Elm", height=9)
    db.session.commit()
    row = run(browser, row, keep_good=keep_good)
    words = "This plant was added, changed or deleted since the check. Check the file again."
    db.session.expire_all()
    assert old.height == 2
    if keep_good:
        assert row.counts == {"created": 1, "problem": 3}
        assert [message for *_, message in messages(row)][:2] == [words, words]
        assert names() == ["Elm", "Fir", "Oak"]
    else:
        assert (row.state, names()) == ("checked", ["Elm", "Oak"])


def test_a_line_that_had_a_problem_at_the_check_stays_left_out(browser: Browser) -> None:
    row = check(browser, HEADER + "Oak,,5,,\nTwin,,5,,\n", mode="update", update_existing="")
    assert row.counts == {"problem": 2}
    twin = plant("Twin")
    plant("Oak")
    db.session.commit()
    row.counts = {"updated": 1, "problem": 1}  # as if one line were good
    db.session.commit()
    row = run(browser, row, keep_good=True)
    assert row.counts == {"problem": 2}
    assert twin.height is None


def test_only_the_latest_check_can_be_confirmed(browser: Browser) -> None:
    """A file that is read in another way is not the file that was confirmed."""
    first = check(browser, HEADER + "Oak,,5,,\n")
    seen = first.checks
    browser.submit(f"{PATH}/{first.id}/columns", {"encoding": "cp1252", "has_header": "y"})
    browser.submit(f"{PATH}/{first.id}/run?check={seen}", form_at=PATH)
    assert (newest().state, names()) == ("uploaded", [])


def test_a_field_that_is_not_declared_is_not_written(browser: Browser) -> None:
    row = check(browser, "Name,Gardener,id,watered_at\nOak,1,77,2026-01-31\n")
    fields = {"column_gardener_id": "1", "column_id": "2", "column_watered_at": "3"}
    row = run(browser, check(browser, "Name,Gardener,id\nOak,1,77\n", **fields))
    oak = db.session.scalars(select(Plant)).one()
    assert row.mapping == {"name": 0}
    assert (oak.id != 77, oak.gardener_id, oak.watered_at) == (True, None, None)


def test_a_column_that_is_not_in_the_file_is_refused(browser: Browser) -> None:
    upload(browser, HEADER + "Oak,,5,,\n")
    given = {"column_name": "77", "has_header": "y", "mode": "create"}
    assert browser.submit(f"{PATH}/{newest().id}/columns", given).status_code == 200
    given = {"column_name": "", "column_light": "1", "has_header": "y", "mode": "create"}
    page = browser.submit(f"{PATH}/{newest().id}/columns", given).text
    assert "Choose the column that tells plants apart" in page
    assert newest().state == "uploaded"


def test_formulas_stay_texts_and_an_export_is_imported_unchanged(browser: Browser) -> None:
    plant("=1+1", notes="=cmd", light=Light.SUN, height=-5, evergreen=True)
    plant("Oak", sown_on=date(2026, 1, 31))
    file = browser.get("/plants.csv").data
    assert b"'=1+1" in file
    row = check(browser, file)
    assert (row.counts, messages(row)) == ({"unchanged": 2}, [])
    row = run(browser, check(browser, HEADER + "'=2+2,,-7,,\n=3+3,,,,\n"))
    assert row.counts == {"created": 2}
    assert names() == ["=1+1", "=2+2", "=3+3", "Oak"]
    assert ",'=3+3," in browser.get(f"{PATH}/{row.id}/results.csv").text


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04zip", b"\x00\x01\x02" * 50, b"Name\n", b"A,A\nx,y\n"]
)
def test_a_file_that_cannot_be_read_gets_a_sentence(browser: Browser, data: bytes) -> None:
    answer = upload(browser, data)
    assert answer.status_code == 200
    assert "field-error" in answer.text or "invalid" in answer.text
    assert newest() is None


def test_a_large_file_is_refused(browser: Browser, garden: Flask) -> None:
    garden.config["IMPORT_MAX_MEGABYTES"] = 1
    assert "larger than 1 MB" in upload(browser, HEADER + "x,,,,\n" * 200_000).text


def test_other_encodings_and_separators(browser: Browser) -> None:
    row = run(browser, check(browser, "name;LIGHT;height\r\nÉrable;SUN;5\r\n".encode("utf-16")))
    assert (row.encoding, row.delimiter, row.counts) == ("utf-16-le", ";", {"created": 1})
    assert names() == ["Érable"]


def test_an_import_belongs_to_its_owner_where_rows_do(browser: Browser, other: Browser) -> None:
    row = check(browser, HEADER + "Oak,,5,,\n")
    for page in ("", "/columns", "/run", "/delete", "/results.csv", "/problems.csv"):
        assert other.get(f"{PATH}/{row.id}{page}").status_code == 404
    run(browser, row)
    assert other.get(f"{PATH}/{row.id}").status_code == 404
    assert "plants.csv" not in other.get(PATH).text
    for number in range(10):
        run(other, check(other, HEADER + f"Ash {number},,5,,\n"))
    assert "plants.csv" in browser.get(PATH).text


def test_earlier_imports_are_listed_in_pages(browser: Browser) -> None:
    for number in range(11):
        run(browser, check(browser, HEADER + f"Oak {number},,5,,\n"))
    page = browser.get(PATH).text
    assert "10 of 11" in page
    assert f'href="{PATH}?after=' in page
    assert f'href="{PATH}/11"' in page
    assert f'href="{PATH}/1"' not in page
    assert f'href="{PATH}/1"' in browser.get(f"{PATH}?page=2").text


def test_an_import_of_another_table_is_not_found(browser: Browser) -> None:
    row = check(browser, HEADER + "Oak,,5,,\n")
    row.endpoint, row.state = "garden.trees", "running"
    db.session.commit()
    assert browser.get(f"{PATH}/{row.id}").status_code == 404
    run_table_import(row.id)
    assert (newest().state, names()) == ("failed", [])


def test_a_user_who_lost_the_permission_imports_nothing(browser: Browser, owner: User) -> None:
    row = check(browser, HEADER + "Oak,,5,,\n")
    row.state, row.started_at = "running", row.created_at
    owner.role = factories.make_role("Reader", Permission.GENERAL)
    db.session.commit()
    run_table_import(row.id)
    row = newest()
    assert (row.state, names()) == ("failed", [])
    assert "may no longer open this list" in row.failure


def test_a_row_that_the_service_refuses_is_left_out_alone(browser: Browser) -> None:
    row = check(browser, HEADER + "Oak,,5,,\nCactus,,5,,\nx,y,,,\nElm,,5,,\n")
    row = run(browser, row, keep_good=True)
    assert row.counts == {"created": 2, "problem": 2}
    assert (3, "", "It grows on its own.") in messages(row)
    assert names() == ["Elm", "Oak"]


def test_one_refused_row_stops_all_if_no_line_may_be_left_out(browser: Browser) -> None:
    row = run(browser, check(browser, HEADER + "Oak,,5,,\nCactus,,5,,\n"))
    assert (row.state, names()) == ("checked", [])


@pytest.mark.parametrize("moment", ["_lines_of", "report"])
def test_an_import_that_is_killed_goes_on_and_does_nothing_twice(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    monkeypatch.setattr("app.kit.imports.lines.BATCH", 10)
    old = plant("Tree 3", height=1)
    text = HEADER + "".join(f"Tree {number},,5,,\n" for number in range(30))
    row = check(browser, text)
    row.state, row.started_at = "running", row.created_at
    db.session.commit()
    real, calls = getattr(working, moment), []

    def dies(*args: Any) -> Any:
        calls.append(args)
        if len(calls) == 2:
            raise Killed
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(working, moment, dies)
        with pytest.raises(Killed):
            run_table_import(row.id)
    db.session.rollback()
    done = 10 if moment == "_lines_of" else 20
    assert (newest().position, len(names())) == (done, done)
    run_table_import(row.id)
    run_table_import(row.id)
    row = newest()
    assert (row.state, row.counts) == ("finished", {"created": 29, "updated": 1})
    assert names() == sorted(f"Tree {number}" for number in range(30))
    changed = select(func.count()).where(AuditEvent.subject_id == old.id)
    assert db.session.scalar(changed.where(AuditEvent.action == "user.created")) == 1


def test_an_import_is_stopped_and_deleted(browser: Browser) -> None:
    row = check(browser, HEADER + "Oak,,5,,\n")
    row.state, row.started_at = "running", row.created_at
    db.session.commit()
    browser.submit(f"{PATH}/{row.id}/cancel", form_at=PATH)
    assert newest().state == "cancelled"
    browser.submit(f"{PATH}/{row.id}/go-on")
    assert (newest().state, names()) == ("finished", ["Oak"])
    browser.submit(f"{PATH}/{row.id}/delete")
    assert newest() is None
    assert names() == ["Oak"]
    assert actions()[-1] == "table_import.deleted"


def test_old_imports_are_purged(browser: Browser, owner: User) -> None:
    check(browser, HEADER + "Oak,,5,,\n")
    assert table_imports.purge() == 0
    newest().actor_id += 1000
    db.session.commit()
    assert table_imports.purge() == 1
