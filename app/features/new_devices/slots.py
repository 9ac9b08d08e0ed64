"""Plug the mail about new devices into the start of a session."""

from flask import Response, after_this_request, has_request_context

from app.features.new_devices.sign_ins import tell_if_new
from app.kit import queue
from app.models import User
from app.services import sessions


def tell(user: User) -> None:
    if tell_if_new(user) is not None and has_request_context():
        after_this_request(_notify_worker)


def _notify_worker(response: Response) -> Response:
    queue.enqueue("drain_outbox")  # After the commit. Otherwise the sweeper finds the mail.
    return response


sessions.BEFORE_START.append(tell)
