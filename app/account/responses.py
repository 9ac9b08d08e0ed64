"""What several account pages answer alike."""

from flask import make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue

LINK_SENT = (
    "A link is on its way to {}. If it does not arrive within a few minutes, look in the spam "
    "folder."
)


def token_page(template: str, **context: object) -> ResponseReturnValue:
    """Render a page whose address is a secret: no referrer, no copy kept (ASVS 5.0 14.2.1)."""
    response = make_response(render_template(template, action=request.path, **context))
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


def refuse_link(title: str, advice: str, endpoint: str, label: str) -> ResponseReturnValue:
    """Answer a link that cannot be used: expired, used, superseded and invented look the same."""
    page = render_template(
        "account/invalid_link.html",
        title=title,
        advice=advice,
        action_url=url_for(endpoint),
        action_label=label,
    )
    return page, 404, {"Referrer-Policy": "no-referrer"}
