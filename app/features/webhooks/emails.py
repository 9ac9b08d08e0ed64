"""The mail about a webhook that is turned off."""

from __future__ import annotations

from app.emails.facts import user_of
from app.features.webhooks.models import Webhook
from app.kit.mail.email_message import EmailMessage
from app.kit.mail.registry import Values, message
from app.kit.mail.writing import add, add_to
from app.kit.web.links import external_url
from app.models import Permission, User

KIND = "webhook_turned_off"


def send_webhook_turned_off(webhook: Webhook) -> int:
    """Write the mail to all administrators, and return their number. The caller commits."""
    return add_to(User.active_with(Permission.ADMINISTER), KIND, table=User, **_context(webhook))


def send_webhook_turned_off_to(user: User, webhook: Webhook) -> EmailMessage:
    return add(KIND, user.email, user, **_context(webhook))


def _context(webhook: Webhook) -> Values:
    return {"webhook_id": webhook.id, "webhook": webhook.name, "error": webhook.off_reason}


@message(
    "You administer the app.",
    sample={"webhook_id": 1, "webhook": "Accounting", "error": "The server answered 500."},
)
def _webhook_turned_off(row: EmailMessage) -> Values:
    return {
        "user": user_of(row),
        "webhook": row.context["webhook"],
        "error": row.context["error"],
        "link": external_url("admin.webhook", webhook_id=row.context["webhook_id"]),
    }
