"""Write a mail about each problem that the checks find, and not again within an hour."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import exists, select

from app.extensions import db
from app.features import health
from app.features.alerts import emails
from app.features.alerts.emails import Trouble
from app.kit import outgoing, queue
from app.kit.database import now
from app.kit.database.turns import take_turns
from app.kit.mail.email_message import EmailMessage
from app.models import Permission, User

PAUSE = timedelta(hours=1)


def tell_managers() -> list[str]:
    """Write one mail about the problems that no alert of the last hour named.

    It goes to users with MANAGE_JOBS. Return the names of the checks in it. A task may run twice,
    also at once: the second run finds the mail of the first. While mail is held, nothing is
    written: it would pile up.
    """
    is_held = outgoing.current_hold() is not None
    db.session.commit()  # The checks take seconds, in which others write.
    if is_held:
        return []
    problems = [
        Trouble(check.name, check.problem, check.hint) for check in health.checks() if check.problem
    ]
    take_turns("alerts")  # Without Redis, nothing else keeps two workers from writing the same.
    told = _told_lately()
    found = [one for one in problems if one.name not in told]
    waiting = exists().where(EmailMessage.waits_for_operator())
    if db.session.scalar(select(waiting)):
        found = [one for one in found if one.name != "mail"]  # The mail would wait as well.
    if found:
        emails.send_alert_to(User.active_with(Permission.MANAGE_JOBS), found)
    db.session.commit()
    if found:
        queue.enqueue("drain_outbox")
    return [one.name for one in found]


def _told_lately() -> set[str]:
    managers = User.active_with(Permission.MANAGE_JOBS)
    contexts: Iterable[dict[str, list[list[str]]]] = db.session.scalars(
        select(EmailMessage.context).where(
            EmailMessage.recipient.in_(select(User.email).where(managers)),
            EmailMessage.message == "alert",
            EmailMessage.created_at > now() - PAUSE,
        )
    )
    return {name for context in contexts for name, *_ in context["problems"]}
