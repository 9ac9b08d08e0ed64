"""Test a bulk operation in a real worker: its progress, a crash, and its cancellation."""

import os
import signal

import pytest
from sqlalchemy import func, insert, select

from app.extensions import db
from app.features import bulk
from app.features.bulk.models import BulkOperation
from app.features.bulk.tables import read_users
from app.kit import operations, queue
from app.kit.mail.email_message import EmailMessage
from app.kit.operations.bulk import BATCH
from app.kit.queue import job_reader
from app.models import AuditEvent, Role, User
from tests import factories
from tests.queue.support import until

PEOPLE = 8_000


@pytest.fixture
def operation_id(web):
    """A confirmed suspension of many users, with its job waiting for a worker."""
    admin = factories.make_user(role="Administrator", email="admin@example.com")
    role_id = db.session.scalar(select(Role.id).where(Role.name == "User"))
    db.session.execute(
        insert(User),
        [
            {"email": f"p{number}@example.com", "role_id": role_id, "confirmed": True}
            for number in range(PEOPLE)
        ],
    )
    db.session.commit()
    operation = bulk.preview("suspend", by=admin, asked=read_users({}))
    bulk.confirm(operation, by=admin, reason="spam", tell=False)
    found = operation.id
    db.session.rollback()
    return found


def look(operation_id):
    """Return the current operation, and end the transaction so that others can write."""
    row = db.session.get(BulkOperation, operation_id, populate_existing=True)
    found = (row.state, row.done, row.job_id)
    db.session.rollback()
    return found


def suspended():
    found = db.session.scalar(select(func.count()).where(User.suspended_reason == "spam"))
    db.session.rollback()
    return found


def events_of_each():
    """Return the number of events of each suspended user."""
    counts = select(func.count()).where(AuditEvent.action == "user.suspended")
    found = set(db.session.scalars(counts.group_by(AuditEvent.subject_id)))
    db.session.rollback()
    return found


@pytest.fixture
def first_batch(operation_id, start_worker, tmp_path):
    """Return a worker that waits after its first batch, and a function that lets it go on.

    The job looks after each batch whether it is cancelled, not only each quarter of a second.
    """
    noted = tmp_path / "batch"
    worker = start_worker(
        program="tests/queue/manage.py",
        AFTER_BATCH=str(noted),
        PROGRESS_INTERVAL="0",
        WORKER_CANCEL_PATIENCE="300",
    )
    until(noted.exists, "the first batch is done")

    def let_go():
        (tmp_path / "batch.release").touch()
        until(lambda: "ended" in noted.read_text(), "the next batch begins")

    return worker, let_go


@pytest.mark.slow
def test_a_worker_that_is_killed_leaves_nobody_out_and_does_nobody_twice(
    operation_id, first_batch, start_worker
):
    worker, let_go = first_batch
    children = worker.children()
    let_go()
    for child in children:
        os.kill(child, signal.SIGKILL)
    os.kill(worker.pid, signal.SIGKILL)
    worker.end()
    state, done, _job_id = look(operation_id)
    assert state == "running"
    assert 0 < done < PEOPLE
    assert suspended() == done, "what is counted is what is done"

    start_worker()
    until(lambda: look(operation_id)[0] == "finished", "the next one has done the rest", 60)
    assert look(operation_id)[1] == PEOPLE
    assert suspended() == PEOPLE
    assert events_of_each() == {1}


def test_cancelling_the_job_ends_it_between_two_batches_and_it_can_go_on(operation_id, first_batch):
    _worker, let_go = first_batch
    job_id = look(operation_id)[2]
    assert queue.request_cancel(job_id)
    let_go()
    until(lambda: look(operation_id)[0] == "cancelled", "it has ended")
    assert suspended() == look(operation_id)[1] == 2 * BATCH

    operation = db.session.get(BulkOperation, operation_id, populate_existing=True)
    operations.go_on(operation, by=db.session.get(User, operation.actor_id))
    db.session.rollback()
    until(lambda: look(operation_id)[0] == "finished", "it has gone on to the end", 60)
    assert suspended() == PEOPLE
    assert events_of_each() == {1}


def test_a_job_tells_how_far_it_is_and_what_came_of_it(operation_id, start_worker):
    start_worker()
    until(lambda: look(operation_id)[0] == "finished", "it is done", 60)

    def result():
        job, _outcome = job_reader.fetch(look(operation_id)[2])
        return job.progress

    progress = until(result, "the job has reported")
    assert (progress.done, progress.of) == (PEOPLE, PEOPLE)
    assert db.session.scalar(select(func.count(EmailMessage.id))) == 0
