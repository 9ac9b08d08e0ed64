"""The mails that the app sends: their causes, recipients and contents.

`send_<message>` writes a row to the outbox and does not commit. app.kit.mail.rendering turns a row
into a mail when it is sent. Links are created only then, so the database stores none of them.
"""

from app.emails.custom import send_custom
from app.emails.links import (
    send_change_email,
    send_confirm,
    send_reset_password,
    send_reset_password_to,
)
from app.emails.notices import (
    send_account_created,
    send_account_reactivated,
    send_account_suspended,
    send_address_reserved,
    send_already_registered,
    send_email_change_requested,
    send_email_changed,
    send_password_change_required,
    send_password_changed,
    send_role_changed,
    send_role_changed_to,
)

__all__ = [
    "send_account_created",
    "send_account_reactivated",
    "send_account_suspended",
    "send_address_reserved",
    "send_already_registered",
    "send_change_email",
    "send_confirm",
    "send_custom",
    "send_email_change_requested",
    "send_email_changed",
    "send_password_change_required",
    "send_password_changed",
    "send_reset_password",
    "send_reset_password_to",
    "send_role_changed",
    "send_role_changed_to",
]
