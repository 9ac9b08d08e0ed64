"""Checks of the two forms that add a user: to create an account, and to invite."""

from typing import Any, ClassVar

import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.models import Role, User
from tests.support import Browser

PERSON = {"first_name": "Grace", "last_name": "Hopper", "email": "grace@example.com"}


def role(name: str) -> Role:
    return db.session.scalars(select(Role).where(Role.name == name)).one()


class UserFormChecks:
    """Subclass this with the path of the form and the fields that it has beside the usual ones."""

    path: ClassVar[str]
    more: ClassVar[dict[str, str]] = {}

    def send(self, browser: Browser, **data: Any) -> Any:
        return browser.submit(self.path, {**PERSON, "role": role("User").id, **self.more, **data})

    @pytest.mark.parametrize("email", ["ada@example.com", "ADA@Example.com", "ada@ｅxample.com"])
    def test_a_taken_email_is_an_error_and_the_input_stays(self, browser, make_user, email):
        """IN-4"""
        make_user(email="ada@example.com")
        page = self.send(browser, email=email)
        assert page.status_code == 200
        assert "already exists" in page.text
        assert 'value="Grace"' in page.text
        same = select(func.count()).where(User.email == "ada@example.com")
        assert db.session.scalar(same) == 1

    @pytest.mark.parametrize(
        "choice", ["", "0", "-1", "255", "99999", "1" + "0" * 20, "abc", "1.0", "0xff"]
    )
    def test_only_existing_roles_can_be_given(self, browser, choice):
        """AZ-4, IN-1"""
        assert self.send(browser, role=choice).status_code == 200
        assert User.by_email("grace@example.com") is None

    def test_a_new_user_is_no_administrator_unless_chosen(self, browser):
        """AZ-1: the form preselects the default role."""
        page = browser.get(self.path).text
        chosen = [option for option in page.split("<option") if " selected" in option.split(">")[0]]
        assert [option.split(">")[1].split("<")[0] for option in chosen] == ["User"]

    def test_unknown_fields_are_ignored(self, browser):
        """AZ-3"""
        extra = {"id": "77", "permissions": "255", "password_hash": "x", "created_at": "2000-01-01",
                 "suspended_at": "2000-01-01", "invited_at": "", "is_admin": "1",
                 "role_id": str(role("Administrator").id)}  # fmt: skip
        self.send(browser, **extra)
        user = User.by_email("grace@example.com")
        assert user.id != 77
        assert not user.is_admin()
        assert user.created_at.year > 2000
        assert user.suspended_at is None
