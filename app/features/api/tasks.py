"""Delete ended tokens in the nightly clean-up."""

from app.features.api import tokens
from app.kit.clean_up import nightly

nightly("API tokens that have ended", tokens.purge)
