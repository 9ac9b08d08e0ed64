"""The mail that alerts administrators to problems."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import ColumnElement

from app.emails.facts import user_of
from app.kit.mail.email_message import EmailMessage
from app.kit.mail.registry import Values, message
from app.kit.mail.writing import add, add_to
from app.kit.web.links import external_url
from app.models import User


class Trouble(NamedTuple):
    """A problem that a check found, and a hint at what to do."""

    name: str
    text: str
    hint: str


def send_alert(user: User, problems: Iterable[Trouble]) -> EmailMessage:
    return add("alert", user.email, user, problems=[list(problem) for problem in problems])


def send_alert_to(condition: ColumnElement[bool], problems: Iterable[Trouble]) -> None:
    """Write the mail to every user that the condition selects."""
    add_to(condition, "alert", table=User, problems=[list(problem) for problem in problems])


@message(
    "Your role lets you look after the queue.",
    sample={"problems": [["tasks", "2 tasks failed in the last day.", "The log says why."]]},
)
def _alert(row: EmailMessage) -> Values:
    problems = [Trouble(*one) for one in row.context["problems"]]
    subject = problems[0].text if len(problems) == 1 else f"{len(problems)} problems"
    link = external_url("admin.index")
    return {"user": user_of(row), "problems": problems, "summary": subject, "link": link}
