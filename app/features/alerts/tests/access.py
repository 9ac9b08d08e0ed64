"""Describe the mail of this feature for the tests of all mails (tests/routes.py)."""

from app.features.alerts import emails
from app.features.alerts.emails import Trouble

PROBLEMS = [
    Trouble("tasks", "2 tasks failed in the last day.", "The log of the worker says why."),
    Trouble("certificate", "The certificate of example.com ends in 3 days.", "Renew it."),
]

MAILS = {"alert": lambda user: emails.send_alert(user, PROBLEMS)}
