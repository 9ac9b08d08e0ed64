"""Bulk actions of a declared table: preview, confirmation, batches, stop, resumption, result."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Blueprint, Flask
from sqlalchemy import func, select

from app.decorators import permission_required
from app.extensions import db
from app.kit import operations, queue
from app.kit.database import now, pauses
from app.kit.operations import bulk, lifecycle
from app.kit.operations.table_models import TableOperation
from app.kit.operations.tables import purge
from app.kit.operations.tasks import run_table_operation
from app.kit.tables import BulkAction
from app.kit.tables import table as declarations
from app.kit.tables.actions import RowRefused
from app.kit.web import table_pages
from app.kit.web.operations import bulk_pages
from app.models import AuditEvent, Permission, User
from app.sign_in import me
from tests import factories
from tests.fixtures.core import Browser
from tests.kit.tables.plants import Light, Plant, PlantBase, declare


class Killed(BaseException):
    """An error that no handler catches, like the death of the process."""


def why_not_grow(plant: Plant, *, by: User) -> str:
    return "It is grown already" if plant.height and plant.height > 100 else ""


def grow(plant: Plant, *, by: User) -> None:
    plant.height = (plant.height or 0) + 1
    db.session.flush()
    if plant.name == "Cactus":
        raise RowRefused("It grows on its own")


ACTIONS = [
    BulkAction("grow", "Grow", do=grow, check=why_not_grow),
    BulkAction("cut", "Cut", grow, is_final=True),
]
only_managers = permission_required(Permission.MANAGE_USERS)


@pytest.fixture
def garden(migrated_app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """An app with a table of plants, of which an administrator sees those in the sun."""
    monkeypatch.setattr(declarations, "_declared", dict(declarations._declared))
    monkeypatch.setattr(pauses, "PAUSE_ON_SQLITE", 0)
    table = declare(endpoint="garden.plants", bulk_actions=ACTIONS, csv="", csv_event="")
    garden = Blueprint("garden", __name__)

    def sunny(_by: User) -> list[Any]:
        return [Plant.light == Light.SUN]

    @garden.get("/plants")
    @only_managers
    def plants() -> Any:
        return table_pages.show(table, where=sunny(me()))

    bulk_pages.add_pages(garden, "/plants", table, only_managers, by=me, where=sunny)
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
    browser.sign_in(owner.email)
    return browser


@pytest.fixture
def other(garden: Flask) -> Browser:
    """The browser of another administrator."""
    factories.make_user(role="Administrator", email="other@example.com")
    other: Browser = garden.test_client()
    other.sign_in("other@example.com")
    return other


def see_every_row() -> None:
    """Let all who may open the table see all of its rows."""
    kind: Any = operations.kind_of(newest())
    kind.where = lambda _by: ()


def sow(count: int, **values: Any) -> list[int]:
    plants = [Plant(**{"name": f"Oak {n}", "light": Light.SUN, **values}) for n in range(count)]
    db.session.add_all(plants)
    db.session.commit()
    return [plant.id for plant in plants]


def heights() -> list[int | None]:
    db.session.rollback()
    return list(db.session.scalars(select(Plant.height).order_by(Plant.id)))


def preview(browser: Browser, *ids: int, **fields: Any) -> str:
    data = {"action": "grow", "row_ids": [str(one) for one in ids], **fields}
    return browser.submit("/plants/bulk", data, form_at="/plants").location


def newest() -> TableOperation:
    db.session.rollback()
    return db.session.scalars(select(TableOperation).order_by(TableOperation.id.desc())).first()


def events(*actions: str) -> int:
    return db.session.scalar(select(func.count()).where(AuditEvent.action.in_(actions)))


def test_the_list_has_a_bar_and_a_box_for_each_row(browser: Browser) -> None:
    ids = sow(2)
    page = browser.get("/plants").text
    assert 'action="/plants/bulk"' in page
    assert '<option value="grow">Grow</option>' in page
    for one in ids:
        assert f'name="row_ids" value="{one}"' in page


def test_rows_are_previewed_confirmed_and_reported_one_by_one(browser: Browser) -> None:
    oak, tall, cactus = *sow(1), *sow(1, name="Beech", height=150), *sow(1, name="Cactus")
    (shady,) = sow(1, light=Light.HALF_SHADE)
    path = preview(browser, oak, tall, cactus, shady, 99_999)
    page = browser.get(path).text
    assert "Grow 2 plants" in page
    assert "It is grown already" in page
    assert "No longer there" in page, "a row that is not the user's is as one that is gone"
    assert heights() == [None, 150, None, None], "a preview changes nothing"

    browser.submit(path, {"do": "confirm"}, form_at=path)
    assert heights() == [1, 150, None, None], "what a refused row began is undone"
    operation = newest()
    assert (operation.state, operation.done) == ("finished", 1)
    assert operation.left_out == {
        "It is grown already": 1,
        "It grows on its own": 1,
        "gone": 2,
    }
    assert events("table_operation.confirmed") == 1
    page = browser.get(path).text
    assert "It grows on its own" in page
    rows = csv.reader(io.StringIO(browser.get(f"{path}/results.csv").text.removeprefix("\ufeff")))
    assert list(rows) == [
        ["Number", "Name", "Result", "Reason"],
        [str(oak), "Oak 0", "done", ""],
        [str(tall), "Beech", "left out", "It is grown already"],
        [str(cactus), "Cactus", "left out", "It grows on its own"],
    ]
    assert events("table_operation.downloaded") == 1


def test_all_that_match_are_chosen_by_the_parameters_of_the_list(browser: Browser) -> None:
    sow(3)
    sow(2, name="Birch")
    sow(1, name="Birch", light=Light.HALF_SHADE)
    path = preview(browser, everyone="1", search="birch")
    assert "Grow 2 plants" in browser.get(path).text
    sow(1, name="Birch")  # comes too late
    browser.submit(path, {"do": "confirm"}, form_at=path)
    assert [height for height in heights() if height] == [1, 1]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"action": "burn"}, "Choose an action"),
        ({}, "Select at least one plant"),
        ({"row_ids": ["x"]}, "could not be read"),
        ({"row_ids": [str(2**70)]}, "could not be read"),
        ({"row_ids": ["99999"]}, "No plant is selected"),
        ({"row_ids": [str(2**40)]}, "No plant is selected"),
        ({"row_ids": ["1"] * 1001}, "at most 1,000 plants"),
        ({"everyone": "1", "light": "moon"}, "Set the filter again"),
    ],
)
def test_an_invalid_choice_changes_nothing(browser: Browser, fields: Any, words: str) -> None:
    sow(1)
    data = {"action": "grow", "row_ids": [], **fields}
    response = browser.submit("/plants/bulk", data, form_at="/plants", follow_redirects=True)
    assert words in response.text
    assert newest() is None


def test_operations_are_listed_for_those_who_may_open_them(
    browser: Browser, other: Browser
) -> None:
    assert "No bulk actions yet" in browser.get("/plants/bulk").text
    path = preview(browser, *sow(2))
    assert "No bulk actions yet" in browser.get("/plants/bulk").text, "a preview is none"
    browser.submit(path, {"do": "confirm"}, form_at=path)
    page = browser.get("/plants/bulk").text
    assert f'class="row-link" href="{path}">Grow 2 plants</a>' in page
    assert 'href="/plants/bulk"' in browser.get("/plants").text
    assert "No bulk actions yet" in other.get("/plants/bulk").text
    see_every_row()
    assert path in other.get("/plants/bulk").text


def test_operations_are_kept_as_long_as_the_setting_says(garden: Flask, browser: Browser) -> None:
    for days in (4, 2):
        path = preview(browser, *sow(1))
        browser.submit(path, {"do": "confirm"}, form_at=path)
        newest().created_at = now() - timedelta(days=days)
        db.session.commit()
    garden.config["KEEP_TABLE_OPERATIONS"] = 3
    assert purge() == 1
    assert newest().id == 2


@pytest.fixture
def long(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> str:
    """A confirmed operation on 35 rows, for a worker to do in batches of ten."""
    monkeypatch.setattr(bulk, "BATCH", 10)
    monkeypatch.setattr(lifecycle, "AT_ONCE", 5)
    path = preview(browser, *sow(35), action="cut")
    assert "by the worker" in browser.get(path).text
    browser.submit(path, {"do": "confirm"}, form_at=path)
    assert newest().state == "queued"
    return path


def test_a_long_operation_that_is_killed_does_nothing_twice(
    long: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    kind = operations.kind_of(newest())
    real = kind.actions["cut"].do

    def dies(plant: Plant, *, by: User) -> None:
        nonlocal calls
        calls += 1
        real(plant, by=by)
        if calls == 25:
            raise Killed

    monkeypatch.setitem(kind.actions, "cut", BulkAction("cut", "Cut", dies))
    with pytest.raises(Killed):
        run_table_operation(newest().id)
    assert sum(map(bool, heights())) == 20
    assert (newest().state, newest().done) == ("running", 20)
    for _ in range(2):
        assert run_table_operation(newest().id)["done"] == 35
    assert heights() == [1] * 35
    assert newest().state == "finished"


def test_another_user_stops_an_operation_and_only_its_owner_resumes_it(
    browser: Browser, other: Browser, long: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    see_every_row()

    def stop_at_ten(done: int, of: int, text: str = "") -> None:
        if done == 10:
            other.submit(long, {"do": "stop"}, form_at=long)

    monkeypatch.setattr(queue, "report_progress", stop_at_ten)
    run_table_operation(newest().id)
    assert (newest().state, newest().done) == ("cancelled", 10)
    other.submit(long, {"do": "continue"}, form_at=long)
    assert newest().state == "cancelled"
    browser.submit(long, {"do": "continue"}, form_at=long)
    run_table_operation(newest().id)
    assert (newest().state, heights()) == ("finished", [1] * 35)
    assert events("table_operation.stopped", "table_operation.continued") == 2


def test_without_a_worker_the_page_does_some(browser: Browser, long: str) -> None:
    browser.submit(long, {"do": "here"}, form_at=long)
    assert newest().done == 10


@pytest.mark.parametrize(
    ("loss", "reason"),
    [({"confirmed": False}, "actor_gone"), ({"role_id": None}, "actor_may_not")],
)
def test_it_stops_when_its_owner_may_no_longer(
    owner: User, long: str, loss: dict[str, Any], reason: str
) -> None:
    """AZ-1"""
    for name, value in loss.items():
        setattr(owner, name, value)
    db.session.commit()
    run_table_operation(newest().id)
    assert (newest().state, newest().stop_reason, newest().done) == ("stopped", reason, 0)


def test_rows_that_changed_since_the_preview_are_left_out(browser: Browser) -> None:
    ids = sow(3)
    path = preview(browser, *ids)
    db.session.get_one(Plant, ids[0]).height = 200
    db.session.get_one(Plant, ids[1]).light = Light.HALF_SHADE
    db.session.commit()
    browser.submit(path, {"do": "confirm"}, form_at=path)
    assert newest().left_out == {"It is grown already": 1, "gone": 1}
    assert heights() == [200, None, 1]


def test_the_preview_of_a_final_action_says_so(browser: Browser) -> None:
    ids = sow(1)
    final, other = (preview(browser, *ids, action=action) for action in ("cut", "grow"))
    assert "This cannot be undone." in browser.get(final).text
    assert "This cannot be undone." not in browser.get(other).text


def test_a_preview_is_shown_to_its_owner_alone(browser: Browser, other: Browser) -> None:
    """AZ-2"""
    path = preview(browser, *sow(1))
    see_every_row()
    assert other.get(path).status_code == 404
    browser.submit(path, {"do": "confirm"}, form_at=path)
    assert other.get(path).status_code == 200


def test_an_action_on_own_rows_stays_with_its_owner(browser: Browser, other: Browser) -> None:
    """AZ-2"""
    path = preview(browser, *sow(1))
    browser.submit(path, {"do": "confirm"}, form_at=path)
    db.session.rollback()
    newest().state = "running"
    db.session.commit()
    assert other.get(path).status_code == 404
    assert other.get(f"{path}/results.csv").status_code == 404
    assert other.submit(path, {"do": "stop"}, form_at="/plants").status_code == 404
    assert newest().state == "running"
    assert browser.get(f"{path}/results.csv").status_code == 200


def test_an_action_that_the_app_has_lost_stops(long: str) -> None:
    operation = newest()
    operation.action = "burn"
    db.session.commit()
    run_table_operation(operation.id)
    assert newest().stop_reason == "action_gone"


def test_the_pages_of_an_action_that_the_app_has_lost_open(browser: Browser) -> None:
    path = preview(browser, *sow(1))
    browser.submit(path, {"do": "confirm"}, form_at=path)
    waiting = preview(browser, *sow(1))
    kind: Any = operations.kind_of(newest())
    kind.actions = {}
    assert "Grow 1 plant" in browser.get(path).text
    assert browser.get(f"{path}/results.csv").status_code == 200
    assert browser.get(waiting).status_code == 404
    assert browser.submit(waiting, {"do": "confirm"}, form_at="/").status_code == 404
