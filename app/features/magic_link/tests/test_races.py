"""The link and the code of one mail, and guesses, at the same moment."""

from app.extensions import db
from app.features.magic_link import mailed_sign_ins, proofs
from app.features.magic_link.mailed_sign_ins import GUESSES, WrongMailedCode
from app.features.magic_link.models import MailedSignIn
from app.services.mailed_links import LinkRefused
from tests.factories import make_user


def asked_by(user):
    """Return a request for a mail, its link and its code."""
    asked = mailed_sign_ins.ask(user.email)
    request = db.session.get(MailedSignIn, asked.request_id)
    return asked, proofs.token_of(user, asked.request_id), proofs.code_of(user, request)


def signing_in(use, *given):
    def act():
        user = use(*given)
        db.session.commit()
        return user.id

    return act


def test_a_mail_signs_in_once_by_link_and_code(race):
    """TK-8"""
    for _ in range(5):
        user = make_user()
        asked, token, code = asked_by(user)
        by_link = signing_in(mailed_sign_ins.use_link, token, asked)
        by_code = signing_in(mailed_sign_ins.use_code, asked, code)
        results = race(by_link, by_code, by_link, by_code)
        assert results.count(user.id) == 1, results
        refused = [one for one in results if isinstance(one, LinkRefused | WrongMailedCode)]
        assert len(refused) == 3, results


def test_guesses_at_one_code_are_counted_at_once(race):
    """BF-1"""
    asked, _token, code = asked_by(make_user())
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    guesses = [signing_in(mailed_sign_ins.use_code, asked, wrong)] * 8
    results = race(*guesses)
    assert all(isinstance(one, WrongMailedCode) for one in results), results
    db.session.expire_all()
    assert db.session.get(MailedSignIn, asked.request_id).guesses == GUESSES
    last = race(signing_in(mailed_sign_ins.use_code, asked, code))
    assert isinstance(last[0], WrongMailedCode)
