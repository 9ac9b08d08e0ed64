"""Test the fake users."""

from app.extensions import db
from app.features.fake_data import fake_data
from app.models import User
from tests.support import PASSWORD


def test_made_up_people_are_many_different_and_no_administrators(app):
    fake_data.add_users(200, seed=1)
    people = db.session.query(User).all()
    assert len(people) == len({user.email for user in people}) == 200
    assert not any(user.is_admin() for user in people)
    assert {user.confirmed for user in people} == {True, False}


def test_administrators_are_made_only_when_asked_for(app):
    fake_data.add_users(100, seed=1, with_administrators=True)
    assert any(user.is_admin() for user in db.session.query(User))


def test_the_same_seed_makes_the_same_people(app):
    names = []
    for _ in range(2):
        db.session.query(User).delete()
        db.session.commit()
        fake_data.add_users(20, seed=7)
        names.append([(user.first_name, user.last_name) for user in db.session.query(User)])
    assert names[0] == names[1]


def test_adding_again_adds_to_those_who_are_there(app):
    fake_data.add_users(10, seed=1)
    fake_data.add_users(10, seed=1)
    assert db.session.query(User).count() == 20


def test_nobody_knows_the_password_of_made_up_people(app):
    """AD-6"""
    fake_data.add_users(3, seed=1)
    (password_hash,) = {user.password_hash for user in db.session.query(User)}
    user = db.session.query(User).first()
    for guess in ("password", PASSWORD, "", user.email):
        assert not user.verify_password(guess)
    assert password_hash.startswith("$argon2id$")


def test_progress_is_reported_by_the_batch(app, monkeypatch):
    monkeypatch.setattr(fake_data, "BATCH", 4)
    told = []
    fake_data.add_users(10, seed=1, on_progress=lambda done, total: told.append((done, total)))
    assert told == [(4, 10), (8, 10), (10, 10)]
