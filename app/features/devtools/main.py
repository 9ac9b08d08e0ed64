"""The pages for development."""

from flask import (
    Flask,
    Response,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue

from app.features.devtools import gallery, inbox
from app.features.devtools.blueprint import dev, is_allowed
from app.features.devtools.patterns import examples
from app.kit import assets

# A mail styles itself. Nothing else in it comes to life.
MAIL_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "img-src data: https:",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'self'",
        "sandbox",
    )
)
# The links of a mail that was sent lead out of the frame.
WITH_LINKS = " allow-top-navigation-by-user-activation allow-popups"


@dev.get("/mail")
def mail_index() -> ResponseReturnValue:
    return render_template("dev/mail_index.html", messages=inbox.newest())


@dev.get("/mail/<name>")
def mail_message(name: str) -> ResponseReturnValue:
    message = inbox.find(name) or abort(404)
    return render_template("dev/mail_message.html", message=message, scheme=_scheme())


@dev.get("/mail/<name>/html")
def mail_html(name: str) -> ResponseReturnValue:
    message = inbox.find(name) or abort(404)
    return _framed(message.html, MAIL_POLICY + WITH_LINKS)


@dev.post("/mail/clear")
def mail_clear() -> ResponseReturnValue:
    count = inbox.clear()
    flash(f"Deleted {count} {'mail' if count == 1 else 'mails'}.", "success")
    return redirect(url_for("dev.mail_index"))


@dev.get("/mail/gallery")
def mail_gallery() -> ResponseReturnValue:
    """Show every message with sample data."""
    return render_template(
        "dev/mail_gallery.html", samples=gallery.every_message(), scheme=_scheme()
    )


@dev.get("/mail/gallery/<name>")
def mail_sample(name: str) -> ResponseReturnValue:
    mail = gallery.find(name) or abort(404)
    return _framed(mail.html, MAIL_POLICY)


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


def _scheme() -> str:
    """Return whether mails are asked for in light or dark, or "" for what the browser prefers."""
    asked = request.args.get("scheme", "")
    return asked if asked in gallery.SCHEMES else ""


def _framed(html: str, policy: str) -> Response:
    """Return a mail to be shown in a frame of our own."""
    # Links open in the whole window, not in the frame, where no page of the app may be shown.
    shown = f'<base target="_top">{gallery.in_scheme(html, _scheme())}'
    response = Response(shown, mimetype="text/html")
    response.headers["Content-Security-Policy"] = policy
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Cache-Control"] = "no-store"
    return response


def init_app(app: Flask) -> None:
    """Register the pages unless `app` runs in production, whatever DEV_PAGES says."""
    if is_allowed(app):
        app.register_blueprint(dev)
        app.jinja_env.globals["reload_url"] = reload_url


def reload_url() -> str | None:
    """Return where a page asks whether it is out of date: in development only."""
    return url_for("dev.version") if current_app.debug else None
