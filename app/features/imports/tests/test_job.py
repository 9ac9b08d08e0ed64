"""Test an import in a real worker: its progress, a crash, and a missing Redis."""

import io
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.features.imports import PEOPLE
from app.features.imports.models import PeopleImport
from app.features.imports.tests.access import MADE, NEW
from app.kit import imports
from app.kit.mail.email_message import EmailMessage
from app.models import AuditEvent, User
from app.services.user_changes import CHANGE_ROLE
from tests import factories
from tests.queue.support import until

LINES = 6_000
MAILS = LINES if NEW == "invite" else 0


@pytest.fixture
def row(web):
    admin = factories.make_user(role="Administrator", email="admin@example.com")
    data = "Email,Name\n" + "".join(f"p{number}@example.com,P\n" for number in range(LINES))
    return imports.upload(PEOPLE, io.BytesIO(data.encode()), name="people.csv", by=admin)


def choose(row):
    by = db.session.get(User, row.actor_id)
    imports.choose(
        row,
        mapping={"email": 0},
        has_header=True,
        mode=NEW,
        update_existing=False,
        role_id=row.role_id,
        by=by,
    )


def look(import_id):
    """Return the current import, and end the transaction so that others can write."""
    row = db.session.get(PeopleImport, import_id, populate_existing=True)
    found = (row.state, row.position, dict(row.counts), row.checks)
    db.session.rollback()
    return found


@pytest.mark.slow
def test_an_import_whose_worker_is_killed_goes_on_in_the_next(row, start_worker, web):
    import_id = row.id
    choose(row)
    worker = start_worker()
    until(lambda: look(import_id)[0] == "checked", "it is checked")
    row = db.session.get(PeopleImport, import_id, populate_existing=True)
    by = db.session.get(User, row.actor_id)
    imports.run(row, check=row.checks, keep_good=False, by=by)
    db.session.rollback()
    until(lambda: look(import_id)[1] > 0, "the first lines are done")
    for child in worker.children():
        os.kill(child, signal.SIGKILL)
    worker.end()
    assert look(import_id)[0] == "running"

    start_worker()
    until(lambda: look(import_id)[0] == "finished", "the import is finished", patience=60)
    _state, position, counts, _ = look(import_id)
    assert (position, counts) == (LINES, {MADE: LINES})
    invited = select(func.count()).where(AuditEvent.action == f"user.{MADE}")
    assert db.session.scalar(select(func.count()).select_from(User)) == LINES + 1
    assert db.session.scalar(select(func.count()).select_from(EmailMessage)) == MAILS
    assert db.session.scalar(invited) == LINES
    db.session.rollback()


def test_an_import_waits_while_redis_is_away(row, own_redis, start_worker, web):
    import_id = row.id
    own_redis.stop()
    choose(row)
    assert look(import_id)[0] == "checking"
    assert not db.session.get(PeopleImport, import_id).job_id
    own_redis.start()
    web.extensions["queue"].failed_at = float("-inf")
    row = db.session.get(PeopleImport, import_id)
    imports.go_on(row, by=db.session.get(User, row.actor_id))
    db.session.rollback()
    start_worker("--burst")
    until(lambda: look(import_id)[0] == "checked", "it is checked")


def test_two_who_work_on_one_import_do_nothing_twice(row, web):
    import_id = row.id
    choose(row)
    imports.work(PeopleImport, import_id)
    row = db.session.get(PeopleImport, import_id, populate_existing=True)
    imports.run(row, check=row.checks, keep_good=True, by=db.session.get(User, row.actor_id))
    db.session.rollback()
    together = Barrier(2)

    def work(_number):
        with web.app_context():
            together.wait()
            return imports.work(PeopleImport, import_id)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(2)))
    # One worker may have left the import to the other, and the other may have been stopped.
    imports.work(PeopleImport, import_id)
    assert look(import_id)[:3] == ("finished", LINES, {MADE: LINES})
    assert db.session.scalar(select(func.count()).select_from(User)) == LINES + 1
    assert db.session.scalar(select(func.count()).select_from(EmailMessage)) == MAILS
    db.session.rollback()


def test_an_import_carries_out_all_effects_of_a_change_of_role():
    """An import writes whole batches, so it cannot call the function that a page calls."""
    effects = {"ends_sessions", "cancels_mail"} & {
        name for name, value in vars(CHANGE_ROLE).items() if value is True
    }
    assert not effects, f"Carry out {effects} in app/features/imports/services/writing.py, too."
