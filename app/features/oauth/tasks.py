"""Delete used states in the nightly clean-up."""

from app.features.oauth.models import UsedState
from app.kit.clean_up import delete_rows, nightly
from app.kit.database import now

nightly(
    "used states of sign-ins with providers",
    lambda: delete_rows(UsedState, UsedState.expires_at < now()),
)
