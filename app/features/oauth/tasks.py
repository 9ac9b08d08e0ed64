"""Delete used states in the nightly clean-up."""

from app.features.oauth import states
from app.kit.clean_up import nightly

nightly("used states of sign-ins with providers", states.purge)
