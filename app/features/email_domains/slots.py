"""Plug the lists of domains into the check of new email addresses."""

from collections.abc import Collection

from flask import current_app

from app.kit.email_rule import new_email_check
from settings import normalise


@new_email_check
def find_domain_problem(email: str) -> str:
    domain = normalise.host(email.rpartition("@")[2])
    allowed = current_app.config["ALLOWED_EMAIL_DOMAINS"]
    if is_listed(domain, current_app.config["REFUSED_EMAIL_DOMAINS"]):
        return "Addresses of this domain are not accepted. Use another one."
    if allowed and not is_listed(domain, allowed):
        return "Use an address of a domain that may register here, such as your work address."
    return ""


def is_listed(domain: str, domains: Collection[str]) -> bool:
    """Tell whether a list has `domain`: by itself, or as a part of `.example.com`."""
    return any(
        one in {"*", domain} or (one[0] == "." and f".{domain}".endswith(one)) for one in domains
    )
