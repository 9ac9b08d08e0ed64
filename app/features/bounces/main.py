"""The URL to which mail services post their reports."""

from __future__ import annotations

import logging
import re
from hmac import compare_digest
from typing import Any

from flask import Blueprint, Flask, abort, current_app, request
from flask.typing import ResponseReturnValue

from app.features.bounces import reports, services
from app.features.bounces.reports import NotAReport
from app.kit import fetching
from app.kit.fetching import ServerAway
from app.kit.web.cookieless import without_cookies

logger = logging.getLogger(__name__)

page = without_cookies(Blueprint("bounces", __name__))

# The hosts of SNS. The URL comes with the request, and must not lead elsewhere.
SNS_URL = re.compile(r"https://sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/\S+")
SNS_SECONDS, SNS_BYTES = 5.0, 65_536


def init_app(app: Flask) -> None:
    app.register_blueprint(page)


@page.post("/mail-reports/<service>/<token:secret>")
def receive(service: str, secret: str) -> ResponseReturnValue:
    """Note the reports of a mail service, which posts them until it gets this answer.

    The URL does not exist for another service, without BOUNCES_TOKEN, or with another secret.
    """
    expected = current_app.config["BOUNCES_TOKEN"]
    if service not in reports.READERS or not expected:
        abort(404)
    if not compare_digest(secret.encode(errors="replace"), expected.encode()):
        abort(404)
    try:
        payload = reports.parse(request.get_data())
        if service == "ses" and _is_question_of_sns(payload):
            return _confirm(payload)
        found = reports.read(service, payload)
    except NotAReport as error:
        return str(error), 400
    services.note(found, service=service)
    return "", 204


def _is_question_of_sns(payload: Any) -> bool:
    return isinstance(payload, dict) and payload.get("Type") == "SubscriptionConfirmation"


def _confirm(payload: dict[str, Any]) -> ResponseReturnValue:
    """Confirm the subscription of a topic, as SNS wants before it posts anything else."""
    url = payload.get("SubscribeURL")
    if not isinstance(url, str) or not SNS_URL.fullmatch(url):
        raise NotAReport("SubscribeURL is no URL of SNS.")
    try:
        answer = fetching.fetch(url, seconds=SNS_SECONDS, most=SNS_BYTES)
    except ServerAway as error:
        logger.warning("a topic of SNS could not be confirmed: it %s", error)
        return "SNS did not answer.", 503
    if answer.status != 200:
        logger.warning("a topic of SNS could not be confirmed: it answered %s", answer.status)
        return "SNS refused.", 503
    logger.info("a topic of SNS is confirmed")
    return "", 204
