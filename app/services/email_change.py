"""Change the email of the user's own account, effective once the new email is confirmed."""

from sqlalchemy.exc import IntegrityError

from app import emails
from app.extensions import db
from app.kit import audit
from app.kit.mail import outbox
from app.kit.names import canonical_email
from app.models import User
from app.services import mailed_links, sessions, unconfirmed
from app.services.mailed_links import LINKS_AN_HOUR, LinkRefused, is_throttled
from app.services.own_account import ensure_not_impersonating
from app.services.sign_in import require_password
from app.services.users import EmailTaken


def request_email_change(user: User, *, new_email: str, password: str) -> None:
    """Queue a link to the new email and a notice to the old one, which stays until confirmation.

    If the new email is taken, its owner is told by mail instead, and the answer is the same. An
    unconfirmed registration does not take an email. Raises WrongPassword and UserGone.
    """
    ensure_not_impersonating(user)
    require_password(user, password, otherwise="user.email_change_refused")
    new_email = canonical_email(new_email)
    if new_email == user.email:
        db.session.commit()  # The password was right, so take the guess off.
        return
    owner = User.by_email(new_email)
    is_taken = owner is not None and not unconfirmed.is_registration(owner)
    before, user.pending_email = user.pending_email, new_email
    audit.record(
        "user.email_change_asked",
        by=user,
        subject=user,
        changes={"pending_email": (before, new_email)},
    )
    if is_throttled(emails.send_email_change_requested, user.email, limit=LINKS_AN_HOUR):
        db.session.commit()
        return
    mails = [emails.send_email_change_requested(user, new_email)]
    if not is_taken:
        mails.append(emails.send_change_email(user, new_email))
    elif not is_throttled(notice := mailed_links.notice_to(owner), new_email, limit=1):
        mails.append(notice(new_email))
    outbox.commit_and_notify(*mails)


def cancel_email_change(user: User) -> None:
    """Discard the unconfirmed new email, so that its link stops working."""
    ensure_not_impersonating(user)
    if user.pending_email:
        changes = {"pending_email": (user.pending_email, None)}
        audit.record("user.email_change_cancelled", by=user, subject=user, changes=changes)
        user.pending_email = None
    db.session.commit()


def change_email(user: User, token: str) -> None:
    """Change the email to the one that `token` was sent to, and end the user's other sessions.

    An unconfirmed registration of the email is deleted. Raises LinkRefused and EmailTaken.
    """
    ensure_not_impersonating(user)
    if user.pending_email and user.accepts("change_email", token):
        unconfirmed.delete_registration(user.pending_email, owner=user)
    locked = mailed_links.lock_by_token("change_email", token)
    if locked.id != user.id:
        db.session.rollback()
        raise LinkRefused
    old_email = locked.email
    locked.change_email(token)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise EmailTaken from None
    sessions.end_all_others(locked, by=user)
    audit.record(
        "user.email_changed",
        by=user,
        subject=locked,
        changes={"email": (old_email, locked.email)},
    )
    notices = emails.send_email_changed(locked, old_email=old_email, new_email=locked.email)
    outbox.commit_and_notify(*notices)
