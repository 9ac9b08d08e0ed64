"""Delete expired challenges in the nightly clean-up."""

from app.features.passkeys import challenges
from app.kit.clean_up import nightly

nightly("answered challenges of passkeys", challenges.purge)
