"""Delete ended tokens and old answers in the nightly clean-up."""

from app.features.api import idempotency, tokens
from app.kit.clean_up import nightly

nightly("API tokens that have ended", tokens.purge)
nightly("answers of the API", idempotency.purge)
