"""Delete expired challenges in the nightly clean-up."""

from app.features.passkeys.models import UsedChallenge
from app.kit.clean_up import delete_rows, nightly
from app.kit.database import now

nightly(
    "answered challenges of passkeys",
    lambda: delete_rows(UsedChallenge, UsedChallenge.expires_at < now()),
)
