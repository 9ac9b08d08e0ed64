"""Answers of a provider that arrive at the same moment."""

from sqlalchemy import func, select

from app.extensions import db
from app.features.oauth import providers, services, states
from app.features.oauth.models import LinkedAccount
from app.features.oauth.providers import Identity
from app.features.oauth.services import EmailHasAccount
from app.features.oauth.states import NotBegun, ProviderPurpose
from app.features.oauth.tests.support import ACME, ISSUER, give_account
from app.kit.slots import LastSignInMethod
from app.models import User
from tests.factories import make_user


def arriving(subject):
    """Return a function that signs a user in who is new here, as a request does."""
    email = "ada@example.com"
    identity = Identity(issuer=ISSUER, subject=subject, email=email, is_email_verified=True)

    def arrive():
        user_id = services.user_of(identity, ACME).id
        db.session.commit()
        return user_id

    return arrive


def test_a_state_is_taken_once(race):
    """TK-8"""
    session = {}
    state = states.begin(session, provider="acme", purpose=ProviderPurpose.SIGN_IN).state
    results = race(*(lambda: states.take(dict(session), state, "acme").state for _ in range(4)))
    assert results.count(state) == 1, results
    assert sum(isinstance(one, NotBegun) for one in results) == 3, results


def test_one_user_registers_from_two_tabs(race):
    """IN-5"""
    results = race(*(arriving("1234") for _ in range(4)))
    assert len(set(results)) == 1, results
    assert db.session.scalar(select(func.count(User.id))) == 1


def test_one_of_two_accounts_with_one_email_registers(race):
    """IN-5"""
    results = race(*(arriving(subject) for subject in "1234"))
    assert sum(isinstance(one, int) for one in results) == 1, results
    assert sum(isinstance(one, EmailHasAccount) for one in results) == 3, results


def test_two_removals_at_once_leave_one_way_to_sign_in(race, racing_app, monkeypatch):
    monkeypatch.setitem(racing_app.config, providers.PROVIDERS, {"acme": ACME})
    user = make_user()
    user.password_hash = None
    user_id = user.id
    ids = [give_account(user, subject=subject).id for subject in "123"]

    def unlinking(account_id):
        def unlink():
            by = db.session.get(User, user_id)
            services.unlink(db.session.get(LinkedAccount, account_id), by=by)

        return unlink

    results = race(*(unlinking(one) for one in ids))
    assert sum(isinstance(one, LastSignInMethod) for one in results) == 1, results
    db.session.rollback()
    assert db.session.scalar(select(func.count(LinkedAccount.id))) == 1
