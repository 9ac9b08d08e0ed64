"""The nightly clean-up of suppressed addresses."""

from app.features.bounces import services
from app.kit.clean_up import nightly

nightly("suppressed addresses", services.purge)
