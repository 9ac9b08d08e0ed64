"""The same code twice at once."""

import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.features.two_factor import codes, services
from app.features.two_factor.codes import NotEnabled, WrongCode
from app.features.two_factor.models import SECRETS, RecoveryCode
from app.features.two_factor.services import AlreadyEnabled
from app.features.two_factor.tests.support import RECOVERY_CODE, SECRET, code, enable
from app.models import User
from tests.factories import make_user

ROUNDS = 5


def using(use, user_id, given):
    def act():
        use(db.session.get(User, user_id), given, is_known=True)
        db.session.commit()
        return "in"

    return act


@pytest.mark.parametrize("kind", ["app", "recovery"])
def test_a_code_lets_one_of_four_in(race, kind):
    use = codes.use_code if kind == "app" else codes.use_recovery_code
    for _ in range(ROUNDS):
        user = enable(make_user())
        given = code() if kind == "app" else RECOVERY_CODE
        results = race(*(using(use, user.id, given),) * 4)
        assert results.count("in") == 1, results
        assert all(one == "in" or isinstance(one, WrongCode) for one in results), results


def test_a_code_that_is_used_while_an_administrator_resets_it(race):
    admin = make_user(role="Administrator").id
    for _ in range(ROUNDS):
        user_id = enable(make_user()).id

        def reset(user_id=user_id):
            services.reset(db.session.get(User, user_id), by=db.session.get(User, admin))
            return "reset"

        results = race(using(codes.use_code, user_id, code()), reset)
        assert results[1] == "reset"
        assert results[0] == "in" or isinstance(results[0], NotEnabled), results


def test_it_is_turned_on_once(race):
    for _ in range(ROUNDS):
        user_id = make_user().id
        sealed = SECRETS.encrypt(SECRET, user_id)

        def turn_on(user_id=user_id, sealed=sealed):
            services.enable(db.session.get(User, user_id), sealed=sealed, code=code())
            return "on"

        results = race(turn_on, turn_on, turn_on)
        assert results.count("on") == 1
        assert all(one == "on" or isinstance(one, AlreadyEnabled) for one in results), results
        count = select(func.count()).where(RecoveryCode.user_id == user_id)
        assert db.session.scalar(count) == 10


def test_one_of_two_new_apps_takes_the_place_of_the_lost_one(race):
    for _ in range(ROUNDS):
        user_id = enable(make_user()).id
        sealed = SECRETS.encrypt(SECRET, user_id)

        def replace(user_id=user_id, sealed=sealed):
            user = db.session.get(User, user_id)
            services.replace_app(user, sealed=sealed, code=code(), proof=RECOVERY_CODE)
            return "replaced"

        results = race(replace, replace)
        assert results.count("replaced") == 1, results
        assert any(isinstance(one, WrongCode) for one in results), results
