"""The mail that invites a user."""

from __future__ import annotations

from app.emails.facts import user_still_at
from app.features.invitations import links
from app.kit.mail.conditions import become_newest, require
from app.kit.mail.email_message import EmailMessage, EmailState
from app.kit.mail.registry import Values, message
from app.kit.mail.writing import add
from app.models import User


def send_invite(user: User, invited_by: User | None = None) -> EmailMessage:
    return add("invite", user.email, user, invited_by=invited_by.full_name() if invited_by else "")


def note_copied_invite(user: User, invited_by: User) -> EmailMessage:
    """Write a cancelled mail that stands for an invitation link copied by an administrator.

    Its id makes the link newer than links in earlier mails, and older than links in later mails.
    """
    row = send_invite(user, invited_by)
    row.state, row.last_error = EmailState.CANCELLED, "its link was copied instead"
    return row


@message(
    "Someone invited you to join. If you do not want to, ignore this mail.",
    sample={"invited_by": "Grace Hopper"},
    sample_user={"confirmed": False},
)
def _invite(row: EmailMessage) -> Values:
    user = user_still_at(row)
    require(row, user.is_invited, "the invitation has been accepted or withdrawn")
    require(row, links.are_open(), "invitations are closed (REGISTRATION)")
    become_newest(row, user, "invite_message_id")
    return {
        "user": user,
        "link": links.invite_url(user),
        "expires": links.LIFETIME_WORDS,
        "invited_by": row.context["invited_by"],
    }
