"""Erase deleted users in the nightly clean-up."""

from app.features.deletion import deletions
from app.kit.clean_up import nightly

nightly("people", deletions.purge)
