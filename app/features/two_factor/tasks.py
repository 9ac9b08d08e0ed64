"""Delete expired trust in the nightly clean-up."""

from app.features.two_factor.models import TrustedDevice
from app.kit.clean_up import delete_rows, nightly
from app.kit.database import now

nightly("trusted devices", lambda: delete_rows(TrustedDevice, TrustedDevice.expires_at < now()))
