"""Answers that arrive at the same moment."""

import json

from sqlalchemy import func, select

from app.extensions import db
from app.features.passkeys import services, signing
from app.features.passkeys.challenges import NotVerified, Purpose
from app.features.passkeys.models import Passkey
from app.features.passkeys.places import Place
from app.features.passkeys.signing import CopiedPasskey
from app.features.passkeys.tests.authenticator import DOMAIN, ORIGIN, Authenticator
from app.features.passkeys.tests.support import give_passkey
from app.kit.slots import LastSignInMethod
from app.models import User
from tests.factories import make_user

PLACE = Place(DOMAIN, ORIGIN)


def using(text):
    """Return a function that uses an answer as a request does."""

    def use():
        user = signing.use(Purpose.SIGN_IN, text, place=PLACE, binding="session")
        db.session.commit()
        return user.id

    return use


def test_one_of_two_answers_to_a_challenge_wins(race):
    for _ in range(5):
        passkey = give_passkey(make_user())
        given = signing.options(Purpose.SIGN_IN, place=PLACE, binding="session")
        text = json.dumps(passkey.sign(given))
        results = race(*(using(text) for _ in range(4)))
        assert sum(isinstance(one, int) for one in results) == 1, results
        assert sum(isinstance(one, NotVerified) for one in results) == 3, results


def test_one_of_two_answers_with_the_same_counter_wins(race):
    passkey = give_passkey(make_user(), Authenticator(count=3))
    passkey.count = 4
    texts = [
        json.dumps(passkey.sign(signing.options(Purpose.SIGN_IN, place=PLACE, binding="session")))
        for _ in range(4)
    ]
    results = race(*(using(text) for text in texts))
    assert sum(isinstance(one, int) for one in results) == 1, results
    assert sum(isinstance(one, CopiedPasskey) for one in results) == 3, results


def test_two_removals_at_once_leave_one_way_to_sign_in(race, only_sign_in_methods):
    only_sign_in_methods(services.METHOD)
    user = make_user()
    user.password_hash = None
    user_id = user.id
    for _ in range(3):
        give_passkey(user)

    def removing(passkey_id):
        def remove():
            by = db.session.get(User, user_id)
            services.remove(db.session.get(Passkey, passkey_id), by=by)

        return remove

    ids = [one.id for one in services.of_user(user)]
    results = race(*(removing(one) for one in ids))
    assert sum(isinstance(one, LastSignInMethod) for one in results) == 1, results
    db.session.rollback()
    assert db.session.scalar(select(func.count(Passkey.id)).where(Passkey.user_id == user_id)) == 1
