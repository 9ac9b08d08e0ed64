"""The browser's side of passkeys: its URL, its session, and the answer in its form."""

from flask import abort, current_app, flash, request, session

from app.features.passkeys import places, signing
from app.features.passkeys.ceremonies import Malformed
from app.features.passkeys.challenges import NotVerified, Purpose
from app.features.passkeys.places import Place
from app.features.passkeys.signing import AccountClosed, CopiedPasskey, UnknownPasskey
from app.models import User

NOT_SENT = "Your browser sent no passkey. Try again, with JavaScript switched on."
NOT_VERIFIED = "The passkey could not be checked. It may have taken too long. Try again."
REFUSALS: dict[type[Exception], str] = {
    NotVerified: NOT_VERIFIED,
    UnknownPasskey: "No account here has this passkey. It may have been removed.",
    CopiedPasskey: "This passkey was refused, because it may have been copied. Sign in another "
    "way, and remove it.",
    AccountClosed: "This account is closed. Ask an administrator.",
}


def binding() -> str:
    """Return the secret that binds a challenge to the session of this browser."""
    found: str = session.get(current_app.config["WTF_CSRF_FIELD_NAME"], "")
    return found


def user_of_answer(purpose: Purpose, user: User | None = None) -> User | None:
    """Return the user whose passkey has signed the form. Otherwise flash why not, and return None.

    An answer that no browser sends is a 400.
    """
    text = request.form.get("credential", "")
    try:
        return signing.use(purpose, text, place=here(), binding=binding(), user=user)
    except Malformed:
        abort(400)
    except (NotVerified, UnknownPasskey, CopiedPasskey, AccountClosed) as refusal:
        flash(REFUSALS[type(refusal)], "form-error")
        return None


def here() -> Place:
    """Return the place of the page that the browser shows."""
    return places.at(_origin())


def problem() -> str:
    """Return in a sentence why the browser has no passkeys on this page, or ""."""
    return places.problem_at(_origin())


def _origin() -> str:
    return f"{request.scheme}://{request.host}"
