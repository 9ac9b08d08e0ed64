"""The tokens of links that users get by mail, and the proofs that browsers keep."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from app.kit import tokens
from app.kit.names import canonical_email

if TYPE_CHECKING:
    from app.models.user import User

DAY = 24 * 60 * 60
# Returns the state of a user that the token in a link is bound to. It is given the token's claim.
LinkState = Callable[[Any, str], str]
_link_states: dict[str, LinkState] = {}


class UserLinks:
    """The part of `User` that makes and checks tokens, each bound to the state that it changes."""

    if TYPE_CHECKING:
        id: Any
        email: Any
        pending_email: Any
        confirmed: Any
        password: Any
        password_hash: Any
        role: Any
        role_id: Any
        is_active: Any

    def token(self, purpose: str, expiration: int, *, claim: str = "") -> str:
        """Return a token for `purpose`, valid for `expiration` seconds or until its use."""
        state = _link_states[purpose](self, claim)
        return tokens.make(purpose, self.id, state, expires_in=expiration, claim=claim)

    def accepts(self, purpose: str, token: str) -> bool:
        """Tell whether `token` is valid for this user and `purpose`."""
        content = tokens.read(purpose, token)
        if content is None or content.user_id != self.id or not self.is_active:
            return False
        return content.matches(_link_states[purpose](self, content.claim))

    def generate_confirmation_token(self, expiration: int = 7 * DAY) -> str:
        """Return a token for confirm_account, valid for `expiration` seconds."""
        return self.token("confirm", expiration)

    def confirm_account(self, token: str) -> bool:
        """Confirm the account if `token` is valid for it; the caller commits."""
        if not self.accepts("confirm", token):
            return False
        self.confirmed = True
        return True

    def generate_password_reset_token(self, expiration: int = 3600) -> str:
        """Return a token for reset_password, valid for `expiration` seconds."""
        return self.token("reset_password", expiration)

    def reset_password(self, token: str, new_password: str) -> bool:
        """Set the password if `token` is valid for it; the caller commits."""
        if not self.accepts("reset_password", token):
            return False
        self.password = new_password
        return True

    def generate_email_change_token(self, new_email: str, expiration: int = 3600) -> str:
        """Return a token for change_email, valid for `expiration` seconds."""
        return self.token("change_email", expiration, claim=canonical_email(new_email))

    def change_email(self, token: str) -> bool:
        """Set the email to the one in `token`.

        The caller commits, and handles the IntegrityError if the email is taken.
        """
        if not self.accepts("change_email", token):
            return False
        content = tokens.read("change_email", token)
        if content is not None:
            self.email, self.pending_email = content.claim, None
        return True

    # Proofs in cookies

    def registration_receipt(self) -> str:
        """Return a receipt for the browser that registered, valid until the password changes."""
        return tokens.receipt(self._registration_state())

    def has_receipt(self, receipt: str) -> bool:
        """Tell whether `receipt` proves that the browser registered this account."""
        return tokens.is_receipt(receipt, self._registration_state())

    def _registration_state(self) -> str:
        return f"registered|{self.id}|{self.email}|{self.password_hash}"

    def browser_state(self) -> str:
        """Return the state that the mark of a known browser is bound to (app.kit.guesses)."""
        return f"{self.email}|{self.password_hash}"

    def sign_in_state(self) -> str:
        """Return the state that a sign-in is bound to while it waits for its second step."""
        bits = self.role.permissions if self.role else 0
        return f"{self.browser_state()}|{self.role_id}|{bits}"


def link_state(purpose: str) -> Callable[[LinkState], LinkState]:
    """Bind the tokens for `purpose` to what the decorated function returns.

    If the use of a link changes that state, the link works once.
    """

    def register(state: LinkState) -> LinkState:
        _link_states[purpose] = state
        return state

    return register


@link_state("confirm")
def _confirm_state(user: User, _claim: str) -> str:
    return f"{user.email}|{user.confirmed}"


@link_state("reset_password")
def _reset_state(user: User, _claim: str) -> str:
    return f"{user.email}|{user.password_hash}|{user.reset_message_id}"


@link_state("change_email")
def _email_state(user: User, new_email: str) -> str:
    # A later request for another email, or a cancelled request, ends this link.
    return f"{user.email}|{new_email}|{user.pending_email}|{user.password_hash}"
