"""Delete expired trust in the nightly clean-up."""

from app.features.two_factor import devices
from app.kit.clean_up import nightly

nightly("trusted devices", devices.purge)
