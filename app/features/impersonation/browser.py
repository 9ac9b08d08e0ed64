"""The browser's side of an impersonation: the banner, a new cookie, and forms from before."""

from dataclasses import dataclass
from datetime import datetime

from flask import flash, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from app.features.impersonation import impersonation
from app.kit.web.identity import ACTING_AS, check_identity
from app.kit.web.methods import SAFE_METHODS
from app.models import User
from app.sign_in import OF_THE_SIGN_IN, before_sign_out, me


@dataclass(frozen=True)
class Impersonating:
    """The values of the impersonation banner, kept plain so that error pages can show them too."""

    name: str
    email: str
    by_name: str
    until: datetime


def take_on(other_id: int | None) -> None:
    """Start a new cookie when an impersonation starts or ends, and keep only the sign-in.

    Forms that were rendered for the previous identity are rejected, because their CSRF token
    belongs to the former cookie.
    """
    kept = {name: session[name] for name in OF_THE_SIGN_IN if name in session}
    session.clear()
    session.update(kept)
    session[ACTING_AS] = other_id


@check_identity
def keep_identities_apart() -> ResponseReturnValue | None:
    """Ignore forms rendered before an impersonation started or ended.

    An impersonation may end at any time while its pages are still open: it expires, or an
    administrator changes one of the two accounts.
    """
    user = me()
    if not user.is_authenticated:
        return None
    row, impersonator = user.session, user.impersonator
    if impersonator is not None and row is not None and row.acting_until is not None:
        name = user.full_name() or user.email
        by_name = impersonator.full_name() or impersonator.email
        g.impersonating = Impersonating(name, user.email, by_name, row.acting_until)
    elif row is not None and row.acting_as_id is not None:
        impersonation.settle(row)
    now_as = user.id if impersonator else None
    if session.get(ACTING_AS) == now_as:
        return None
    take_on(now_as)
    if impersonator is None:
        flash("The impersonation has ended. You are signed in to your own account.", "info")
    if request.method in SAFE_METHODS:
        return None
    return redirect(url_for("main.index"))


@before_sign_out
def stop_first(user: User) -> None:
    if user.impersonator is not None:
        impersonation.stop(user)
