"""Make the links and codes of mails to sign in.

Both are valid for 15 minutes, once, in the browser that asked, and until the account changes. They
are made from the secret key when they are needed, and stored nowhere.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta

from flask import current_app

from app.extensions import db
from app.features.magic_link.models import MailedSignIn
from app.kit import tokens
from app.kit.database import now
from app.models import User
from app.models.user_links import link_state

PURPOSE = "sign_in_link"
LIFETIME = timedelta(minutes=15)
DIGITS = 6


def is_open(request: MailedSignIn | None) -> bool:
    """Tell whether a request is neither used nor older than LIFETIME."""
    return request is not None and request.used_at is None and now() < request.created_at + LIFETIME


@link_state(PURPOSE)
def state(user: User, claim: str) -> str:
    return f"{user.sign_in_state()}|{is_open(db.session.get(MailedSignIn, int(claim)))}"


def token_of(user: User, request_id: int, expiration: int = int(LIFETIME.total_seconds())) -> str:
    """Return the token of the link that answers a request of `user`."""
    return user.token(PURPOSE, expiration, claim=str(request_id))


def request_id_of(token: str) -> int:
    """Return the id of the request that a valid token answers."""
    content = tokens.read(PURPOSE, token)
    return int(content.claim) if content else 0


def code_of(user: User, request: MailedSignIn) -> str:
    """Return the code that answers a request of `user`."""
    about = f"code by mail|{request.id}|{request.browser}|{user.sign_in_state()}"
    key = current_app.config["SECRET_KEY"].encode()
    number = int.from_bytes(hmac.digest(key, about.encode(), hashlib.sha256)) % 10**DIGITS
    return f"{number:0{DIGITS}}"
