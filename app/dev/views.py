"""The pages for development."""

from flask import Response, abort, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from app import assets
from app.dev import dev, inbox
from app.dev.patterns import examples

# A mail styles itself, and its links lead out of the frame. Nothing else in it comes to life.
MAIL_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "img-src data: https:",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'self'",
        "sandbox allow-top-navigation-by-user-activation allow-popups",
    )
)


@dev.get("/mail")
def mail_index() -> ResponseReturnValue:
    return render_template("dev/mail_index.html", messages=inbox.newest())


@dev.get("/mail/<name>")
def mail_message(name: str) -> ResponseReturnValue:
    message = inbox.find(name) or abort(404)
    return render_template("dev/mail_message.html", message=message)


@dev.get("/mail/<name>/html")
def mail_html(name: str) -> ResponseReturnValue:
    message = inbox.find(name) or abort(404)
    # Links open in the whole window, not in the frame, where no page of the app may be shown.
    response = Response(f'<base target="_top">{message.html}', mimetype="text/html")
    response.headers["Content-Security-Policy"] = MAIL_POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Cache-Control"] = "no-store"
    return response


@dev.post("/mail/clear")
def mail_clear() -> ResponseReturnValue:
    count = inbox.clear()
    flash(f"Deleted {count} {'mail' if count == 1 else 'mails'}.", "success")
    return redirect(url_for("dev.mail_index"))


@dev.get("/patterns")
def patterns() -> ResponseReturnValue:
    return render_template("dev/patterns.html", **examples())


@dev.get("/version")
def version() -> ResponseReturnValue:
    """Say which pages and styles there are, so that an open page learns that it is out of date."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    response = Response(mimetype="application/json")
    response.set_data(
        current_app.json.dumps(
            {"pages": assets.pages_version(app), "styles": assets.styles_version(app)}
        )
    )
    response.headers["Cache-Control"] = "no-store"
    return response
