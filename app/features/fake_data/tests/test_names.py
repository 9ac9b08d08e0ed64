"""Test the names of fake users."""

from sqlalchemy import select

from app.extensions import db
from app.features.fake_data import fake_data
from app.kit.name_rule import holds_link, is_name
from app.models import User
from app.services import users
from tests.support import PASSWORD


def test_made_up_people_and_the_first_administrator_have_names_by_the_rule(app):
    fake_data.add_users(300, seed=7)
    users.create_administrator(email="first@example.com", password=PASSWORD)
    for first, last in db.session.execute(select(User.first_name, User.last_name)):
        for name in (first, last):
            assert is_name(name), name
            assert not holds_link(name), name
