"""Delete old requests in the nightly clean-up."""

from app.features.magic_link import proofs
from app.features.magic_link.models import MailedSignIn
from app.kit.clean_up import delete_rows, nightly
from app.kit.database import now

nightly(
    "mails to sign in",
    lambda: delete_rows(MailedSignIn, MailedSignIn.created_at < now() - proofs.LIFETIME),
)
