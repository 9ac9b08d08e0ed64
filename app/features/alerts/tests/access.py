"""Describe the mail of this feature for the tests of all mails (tests/routes.py)."""

from app.features.alerts import emails
from app.features.alerts.emails import Trouble

PROBLEMS = [
    Trouble("jobs", "2 jobs failed in the last day.", "Open Jobs: it says why."),
    Trouble("certificate", "The certificate of example.com ends in 3 days.", "Renew it."),
]

MAILS = {"alert": lambda user: emails.send_alert(user, PROBLEMS)}
