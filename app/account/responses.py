"""Responses that several account pages share."""

from flask import render_template, url_for
from flask.typing import ResponseReturnValue

LINK_SENT = (
    "A link is on its way to {}. If it does not arrive within a few minutes, look in the spam "
    "folder."
)


def refuse_link(title: str, advice: str, endpoint: str, label: str) -> ResponseReturnValue:
    """Answer an invalid link with 404. Expired, used, superseded and forged links look the same."""
    page = render_template(
        "account/invalid_link.html",
        title=title,
        advice=advice,
        action_url=url_for(endpoint),
        action_label=label,
    )
    return page, 404
