"""Test the check of waiting mails."""

import pytest
from sqlalchemy import event

from app.extensions import db
from app.features.health.services import mail
from app.kit.database import now
from app.kit.mail import delivery, outbox
from tests.databases import NEEDS_SQLITE
from tests.queue.support import states, until


def test_mails_behind_a_slow_mail_are_sent_by_another_worker(web, start_worker, smtp, make_mails):
    rows = make_mails(4)
    ours = {row.message_id for row in rows}
    smtp.script.append("hold")
    for _ in range(2):
        start_worker()
    outbox.commit_and_notify(*rows)
    smtp.wait_until_holding()  # one of the four: the workers begin together

    came = {mail["Message-ID"] for mail in smtp.wait_for(3)}
    assert came < ours
    assert len(came) == 3
    smtp.release.set()
    until(lambda: states(web) == ["sent"] * 4, "all are marked sent")


def test_mails_that_wait_for_the_operator_are_found_in_an_index_of_their_own(web, request):
    """The dashboard runs this query each time, perhaps among a hundred thousand waiting mails."""
    if db.engine.dialect.name != "sqlite":
        pytest.skip(NEEDS_SQLITE)  # PostgreSQL looks at the table while it is small.
    asked = []

    def note(_connection, _cursor, statement, parameters, _context, _many):
        if "FROM email_messages" in statement or statement.startswith("UPDATE"):
            asked.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    request.addfinalizer(lambda: event.remove(db.engine, "before_cursor_execute", note))
    assert mail.goes_out().problem == ""
    delivery.retry_misconfigured(now())

    found = [each for each in asked if "needs_operator" in each[0].partition("WHERE")[2]]
    assert len(found) == 2
    for statement, parameters in found:
        plan = db.session.connection().exec_driver_sql(
            f"EXPLAIN QUERY PLAN {statement}", parameters
        )
        assert "ix_email_messages_operator" in plan.first()[3]
