"""Describe the mail of this feature for the tests of all mails (tests/routes.py)."""

from app.features.new_devices import emails

MAILS = {
    "new_device": lambda user: emails.send_new_device(
        user, address="203.0.113.7", device="Firefox on Linux"
    )
}
