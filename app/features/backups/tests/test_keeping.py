"""Which backups are kept, what `doctor` says of them, and what the commands tell."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
import time_machine

from app.features.backups import (
    age_of_backups,
    archive_names,
    making,
    places,
    restoring,
    retention,
    tasks,
)
from app.features.backups.errors import PlaceAway
from app.features.backups.tests.support import make
from app.kit import outgoing
from app.kit.doctor import doctor_checks
from tests.support import module_of, needs

SUNDAY = datetime(2026, 3, 29, 2, tzinfo=UTC)  # long ago


def test_a_place_that_hangs_holds_no_other_check_up(app, tmp_path, monkeypatch):
    release = Event()
    monkeypatch.setattr(age_of_backups, "PATIENCE", 0.05)
    monkeypatch.setattr(places.BackupFolder, "names", lambda _place: release.wait(30) and [])
    monkeypatch.setitem(app.config, "BACKUP_TO", str(tmp_path))
    try:
        assert "no answer within" in age_of_backups.find_problem().problem
    finally:
        release.set()


@needs("alerts")
def test_administrators_get_a_mail_about_it(app, make_user, tmp_path, monkeypatch):
    make_user(role="Administrator")
    monkeypatch.setitem(app.config, "BACKUP_TO", str(tmp_path))
    assert "backup" in module_of("alerts", "alerting").tell_managers()
    outgoing.hold("A restored copy.")
    monkeypatch.setattr(module_of("alerts", "alerting"), "PAUSE", timedelta(0))
    assert module_of("alerts", "alerting").tell_managers() == []


def names_of(days, app="app"):
    return [archive_names.new(app, SUNDAY - timedelta(days=day), encrypted=False) for day in days]


def test_the_newest_of_each_day_and_week_stays():
    names = names_of([day / 2 for day in range(120)])  # at 2:00 and 14:00, back from a Sunday
    kept = retention.kept(names, daily=3, weekly=4)
    days = sorted((SUNDAY - one.at) / timedelta(days=1) for one in kept)
    # All of 24 hours, the newest of three days, and that of three more Sundays.
    assert days == [0, 0.5, 1.5, 6.5, 13.5, 20.5]
    rare = names_of([40, 300])
    assert retention.kept(rare, daily=7, weekly=0) == set(rare)
    assert retention.kept(rare, daily=1, weekly=0) == {rare[0]}
    assert retention.kept([], daily=1, weekly=1) == set()


def test_other_files_and_other_applications_are_left_alone(original, tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    others = ["notes.txt", "other-20200101T000000Z-aaaaaa.backup"]
    own = [f"{making.app_name()}-{at}T000000Z-aaaaaa.backup" for at in ("20200101", "20200102")]
    odd = [f"{making.app_name()}-20209999T000000Z-aaaaaa.backup"]
    for name in [*others, *own, *odd]:
        (folder / name).write_bytes(b"x")
    original.config |= {"BACKUP_KEEP_DAILY": 2, "BACKUP_KEEP_WEEKLY": 0}
    made = making.make(places.place(str(folder)))
    assert made.deleted == own[:1]
    assert {one.name for one in folder.iterdir()} == {made.name, own[1], *others, *odd}


def test_a_backup_that_fails_deletes_none(original, tmp_path, monkeypatch):
    original.config |= {"BACKUP_KEEP_DAILY": 1, "BACKUP_KEEP_WEEKLY": 0}
    with time_machine.travel(SUNDAY, tick=False):
        first = make()

    monkeypatch.setattr(places.BackupFolder, "size", lambda *_arguments: 1)
    with pytest.raises(PlaceAway, match="not whole in its place"):
        make()
    monkeypatch.undo()
    assert (tmp_path / "backups" / first).exists()


def test_a_clock_that_went_back_does_not_delete_the_new_one(original, tmp_path):
    original.config |= {"BACKUP_KEEP_DAILY": 1, "BACKUP_KEEP_WEEKLY": 0}
    with time_machine.travel(SUNDAY, tick=False):
        of_future = make()
    with time_machine.travel(SUNDAY - timedelta(days=40), tick=False):
        of_past = make()
    found = {path.name for path in (tmp_path / "backups").iterdir()}
    assert found == {of_future, of_past}


def test_a_copy_that_is_held_deletes_none(original, tmp_path):
    original.config |= {"BACKUP_KEEP_DAILY": 1, "BACKUP_KEEP_WEEKLY": 0}
    with time_machine.travel(SUNDAY, tick=False):
        old = tmp_path / "backups" / make()
    outgoing.hold("A restored copy.")
    make()
    assert old.exists()
    outgoing.release()
    make()
    assert not old.exists()


def test_doctor_finds_backups_that_are_missing_too_old_or_away(app, tmp_path, monkeypatch):
    check = doctor_checks()["backup"]
    monkeypatch.setitem(app.config, "BACKUP_TO", "")
    assert check() is None
    monkeypatch.setitem(app.config, "BACKUP_TO", str(tmp_path / "backups"))
    assert check().problem == "There is no backup yet."
    (tmp_path / "backups").mkdir()
    name = archive_names.new(making.app_name(), SUNDAY, encrypted=True)
    (tmp_path / "backups" / name.text).write_bytes(b"x")
    for hours, told in ((36, None), (37, "37 hours"), (100, "4 days")):
        with time_machine.travel(SUNDAY + timedelta(hours=hours), tick=False):
            found = age_of_backups.find_problem()
            assert (found and found.problem) == (told and f"The newest backup is {told} old.")
    future = archive_names.new(making.app_name(), SUNDAY + timedelta(days=9000), encrypted=True)
    (tmp_path / "backups" / future.text).write_bytes(b"x")
    assert "days old" in check().problem, "a clock was wrong once"
    monkeypatch.setitem(app.config, "BACKUP_RECIPIENTS", ["AGE-SECRET-KEY-1"])
    assert "which is no public key" in check().problem, "before the night, in which one would fail"
    monkeypatch.setitem(app.config, "BACKUP_RECIPIENTS", [])
    monkeypatch.setitem(app.config, "BACKUP_TO", "ftp://nothing")
    assert "Backups cannot be made" in check().problem


def test_a_time_in_the_future_neither_counts_nor_deletes(original, tmp_path):
    original.config |= {"BACKUP_KEEP_DAILY": 1, "BACKUP_KEEP_WEEKLY": 0}
    with time_machine.travel(datetime.now(UTC) - timedelta(hours=23)):
        first = make()
    wrong = f"{making.app_name()}-29991231T000000Z-aaaaaa.backup"
    (tmp_path / "backups" / wrong).write_bytes(b"x")
    second = make()
    assert {one.name for one in (tmp_path / "backups").iterdir()} == {first, second, wrong}
    with restoring.opened("latest", places.place(str(tmp_path / "backups")), None) as (name, _):
        assert name == second


def test_a_storage_that_lost_all_files_deletes_no_backup(original, tmp_path):
    original.config |= {"BACKUP_KEEP_DAILY": 1, "BACKUP_KEEP_WEEKLY": 0}
    with time_machine.travel(SUNDAY, tick=False):
        first = make()
    shutil.rmtree(tmp_path / "files")
    made = making.make(places.place(original.config["BACKUP_TO"]))
    assert made.manifest.missing_files == 3
    assert first in {one.name for one in (tmp_path / "backups").iterdir()}


def test_a_place_that_deletes_nothing_gets_one_backup_all_the_same(original, monkeypatch):
    def refuse(*_arguments):
        raise PlaceAway("AccessDenied")

    original.config |= {"BACKUP_KEEP_DAILY": 1, "BACKUP_KEEP_WEEKLY": 0}
    with time_machine.travel(SUNDAY, tick=False):
        make()
    monkeypatch.setattr(places.BackupFolder, "delete", refuse)
    monkeypatch.setattr(places.BackupFolder, "tidy", refuse)
    assert tasks.make_backup()["deleted"] == []


def test_a_restored_copy_makes_no_nightly_backup(original, tmp_path):
    """Otherwise the original would restore the copy's."""
    outgoing.hold("A restored copy.")
    assert tasks.make_backup() == {}
    assert not (tmp_path / "backups").exists()
