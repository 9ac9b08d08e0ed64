"""The views of the development pages."""

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

# A mail may use inline styles and images, but no scripts or forms.
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
# The links of a stored mail may open outside the frame.
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
    """Return the versions of pages and styles as JSON, so an open page knows when to reload."""
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
    """Return the requested colour scheme, or "" for the browser's preference."""
    asked = request.args.get("scheme", "")
    return asked if asked in gallery.SCHEMES else ""


def _framed(html: str, policy: str) -> Response:
    """Return the HTML of a mail as a response for an iframe of the app."""
    # Open links in the whole window, because pages of the app refuse to be framed.
    shown = f'<base target="_top">{gallery.in_scheme(html, _scheme())}'
    response = Response(shown, mimetype="text/html")
    response.headers["Content-Security-Policy"] = policy
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Cache-Control"] = "no-store"
    return response


def init_app(app: Flask) -> None:
    """Register the pages, but never in production, even with DEV_PAGES set."""
    if is_allowed(app):
        app.register_blueprint(dev)
        app.jinja_env.globals["reload_url"] = reload_url


def reload_url() -> str | None:
    """Return the URL that a page polls for live reload, or None outside debug mode."""
    return url_for("dev.version") if current_app.debug else None
