"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

from tests.routes import ANYONE
from tests.world import elsewhere

ACCESS = {
    "dev.mail_index": ANYONE,
    "dev.mail_message": ANYONE,
    "dev.mail_html": ANYONE,
    "dev.mail_clear": ANYONE,
    "dev.mail_gallery": ANYONE,
    "dev.mail_sample": ANYONE,
    "dev.patterns": ANYONE,
    "dev.version": ANYONE,
}


# The pages exist in development and in tests only.
OPEN_TO_UNCONFIRMED = dict.fromkeys(ACCESS, "for developers")
WITHOUT_SESSION = dict.fromkeys(ACCESS, "for developers")
WITHOUT_EVENT = {"dev.mail_clear": "the mails of a developer"}
SHARED = {"name": "the name of a mail of the inbox, or of a message"}
HOSTILE = {"name": elsewhere}
