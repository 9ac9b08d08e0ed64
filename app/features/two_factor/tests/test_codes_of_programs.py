"""Programs, which have no page, send a code of the second step with the password."""

import pytest

from app.extensions import db
from app.features.two_factor.tests.support import RECOVERY_CODE, code, enable, left
from app.kit.guesses import TooManyGuesses
from app.kit.web.sign_in.second_steps import steps_of


def use(user, given):
    uses = [one.use_code for one in steps_of(user, "password")]
    is_right = any(use_code(user, given) for use_code in uses)
    db.session.commit()
    return is_right


def test_a_code_of_the_app_works_once(app, make_user):
    user, given = enable(make_user()), code()
    assert use(user, given)
    assert not use(user, given)


def test_a_recovery_code_works_once(app, make_user):
    user = enable(make_user())
    assert use(user, RECOVERY_CODE)
    assert left(user) == 0
    assert not use(user, RECOVERY_CODE)


@pytest.mark.parametrize("given", ["", "x", "000000", "0" * 64, "3k7mq9xw2fgx"])
def test_other_texts_are_no_code(app, make_user, given):
    assert not use(enable(make_user()), given)


def test_guesses_at_codes_of_programs_are_limited(app, make_user):
    user = enable(make_user())
    for _ in range(10):
        assert not use(user, "000000")
    with pytest.raises(TooManyGuesses):
        use(user, code())
