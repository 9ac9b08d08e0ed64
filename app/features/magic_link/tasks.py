"""The step of the nightly clean-up that deletes old requests."""

from app.features.magic_link import mailed_sign_ins
from app.kit.clean_up import nightly

nightly("mails to sign in", mailed_sign_ins.purge)
