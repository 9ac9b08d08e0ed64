"""Plug signing in by mail into the sign-in page."""

from app.kit import slots

slots.sign_in_part("partials/_sign_in_by_mail.html", order=50)
