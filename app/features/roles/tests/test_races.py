"""Test that concurrent changes of roles leave no user without a role."""

from itertools import count as numbers

import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.features.roles import editing
from app.features.roles.editing import Values
from app.models import Role, User
from app.services import register, roles, users
from app.services.own_account import UserGone
from app.services.policy import InsufficientPrivileges, LastAdministrator, RoleGone, can_sign_in
from tests.factories import make_role, make_user
from tests.support import PASSWORD, module_of, needs

invitations = module_of("invitations", "invitations")

ROUNDS = 13  # rounds for each of four pairs
KIT = {"User", "Administrator"}
_number = numbers(1)


@pytest.fixture(autouse=True)
def leave_the_kits_roles(racing_app):
    yield
    with racing_app.app_context():
        db.session.execute(Role.__table__.delete().where(Role.name.not_in(KIT)))
        db.session.commit()
        roles.insert()


def role_id(name):
    return db.session.scalar(select(Role.id).where(Role.name == name))


def count(*conditions):
    db.session.rollback()
    query = select(func.count(User.id)).outerjoin(User.role)
    return db.session.scalar(query.where(*conditions))


def administrator():
    """Add an administrator with a separate role, and return the ids of both."""
    role = make_role(f"Owner {next(_number)}", 0xFF, index="admin")
    user = make_user(role=role.name)
    return user.id, role.id


def acting(action, by_id):
    """Return a function that runs `action` as `by`, if `by` may still open the page."""

    def act():
        by = db.session.get(User, by_id)
        if by is None or not by.is_admin() or not by.is_active:
            return "refused at the door"
        return action(by) and None

    return act


def demote(user_id, to):
    def action(by):
        user, role = db.session.get(User, user_id), db.session.get(Role, to)
        users.change_role(user, role=role, by=by)

    return action


def suspend(user_id):
    return lambda by: users.suspend(db.session.get(User, user_id), by=by)


def edit(role, permissions=0x05):
    def action(by):
        found = db.session.get(Role, role)
        if found is None:
            raise RoleGone
        editing.change(found, Values(found.name, "main", permissions, default=False), by=by)

    return action


def delete(role, to):
    def action(by):
        found = db.session.get(Role, role)
        if found is None:
            raise RoleGone
        editing.delete(found, move_to=db.session.get(Role, to), by=by)

    return action


def become_default(role):
    def action(by):
        found = db.session.get(Role, role)
        editing.change(found, Values(found.name, "main", 1, default=True), by=by)

    return action


@pytest.mark.parametrize(
    "pair",
    ["edit, edit", "delete, delete", "edit, demote", "delete, demote", "edit, delete",
     "edit, suspend"],
)  # fmt: skip
def test_two_administrators_who_turn_on_each_others_roles_leave_one(race, pair):
    """AD-1, F38"""
    to = role_id("User")
    for number in range(ROUNDS):
        (one, role_of_one), (other, role_of_other) = administrator(), administrator()
        actions = {
            "edit": lambda _user, role: edit(role),
            "delete": lambda _user, role: delete(role, to),
            "demote": lambda user, _role: demote(user, to),
            "suspend": lambda user, _role: suspend(user),
        }
        first, second = pair.split(", ")
        results = race(
            acting(actions[first](other, role_of_other), one),
            acting(actions[second](one, role_of_one), other),
        )
        assert count(Role.administrators(), can_sign_in()) >= 1, (number, results)
        assert count(User.role_id.is_(None)) == 0
        for result in results:
            assert result in {None, "refused at the door"} or isinstance(
                result, LastAdministrator | UserGone | RoleGone | InsufficientPrivileges
            ), repr(result)
        db.session.execute(User.__table__.delete())
        db.session.commit()


def test_the_role_that_someone_gets_stays_one_of_an_administrator(race):
    """AD-1: a user moves to another administrator role just as that role stops being one."""
    for number in range(ROUNDS):
        last, _ = administrator()
        role = make_role(f"Owner {next(_number)}", 0xFF).id
        clerk = make_user(role="Administrator", confirmed=False).id
        results = race(acting(demote(last, role), clerk), acting(edit(role), clerk))
        assert count(Role.administrators(), can_sign_in()) >= 1, (number, results)
        db.session.execute(User.__table__.delete())
        db.session.commit()


@needs("invitations")
@pytest.mark.parametrize("way", ["change", "invite", "create"])
def test_a_role_that_is_deleted_while_it_is_given_leaves_nobody_without(race, way):
    """F38"""
    to = role_id("User")
    for number in range(ROUNDS):
        by = make_user(role="Administrator").id
        role = make_role(f"Editor {next(_number)}", 0x11).id
        user = make_user().id
        names = {"first_name": "Grace", "last_name": "Hopper"}
        address = f"grace{number}@example.com"

        def give(by, user=user, role=role, names=names, address=address):
            found = db.session.get(Role, role)
            if found is None:
                raise RoleGone
            if way == "change":
                users.change_role(db.session.get(User, user), role=found, by=by)
            elif way == "invite":
                invitations.invite(**names, email=address, role=found, by=by)
            else:
                users.create(**names, email=address, role=found, password=PASSWORD, by=by)

        results = race(acting(give, by), acting(delete(role, to), by), acting(give, by))
        assert results[1] is None, results
        for result in (results[0], results[2]):
            assert result is None or isinstance(result, RoleGone | users.EmailTaken), result
        assert count(User.role_id.is_(None)) == 0
        assert count(User.role_id == role) == 0
        db.session.execute(User.__table__.delete())
        db.session.commit()


def test_a_role_that_two_delete_at_once_is_deleted_once(race):
    """F25, F38"""
    for _ in range(ROUNDS):
        by = make_user(role="Administrator").id
        role = make_role(f"Editor {next(_number)}", 0x11)
        others = [make_user(role=role.name).id for _ in range(3)]
        one, other = role_id("User"), role_id("Administrator")
        results = race(acting(delete(role.id, one), by), acting(delete(role.id, other), by))
        assert sorted(map(repr, results)) == ["None", "RoleGone()"]
        assert count(User.id.in_(others), User.role_id.in_([one, other])) == 3
        db.session.execute(User.__table__.delete())
        db.session.commit()


def test_roles_that_are_deleted_into_each_other_leave_one_of_them(race):
    """F38: the second request finds that its target role is gone."""
    for _ in range(ROUNDS):
        by = make_user(role="Administrator").id
        one, other = (make_role(f"Editor {next(_number)}", 0x11) for _ in range(2))
        people = [make_user(role=role.name).id for role in (one, other)]
        one_id, other_id = one.id, other.id
        results = race(acting(delete(one_id, other_id), by), acting(delete(other_id, one_id), by))
        assert sum(result is None for result in results) == 1, results
        assert count(User.id.in_(people), User.role_id.in_([one_id, other_id])) == 2
        db.session.execute(User.__table__.delete())
        db.session.commit()


def test_the_default_goes_from_role_to_role_while_people_register(race):
    """There is always one default role, and every new user gets a role."""
    for number in range(ROUNDS):
        by = make_user(role="Administrator").id
        old, one, other = (make_role(f"Member {next(_number)}", 0x01).id for _ in range(3))

        acting(become_default(old), by)()
        results = race(
            acting(become_default(one), by),
            acting(become_default(other), by),
            acting(delete(old, one), by),
            *(
                lambda n=n, number=number: register.register(
                    first_name="Ada", last_name="L", email=f"ada{number}.{n}@example.com",
                    password=PASSWORD,
                )
                for n in range(3)
            ),
        )  # fmt: skip
        assert not [
            r
            for r in results
            if isinstance(r, Exception) and not isinstance(r, editing.DefaultRole)
        ], results
        db.session.rollback()
        assert len(db.session.scalars(select(Role).where(Role.default)).all()) == 1
        assert count(User.role_id.is_(None)) == 0
        assert count() == 4
        db.session.execute(User.__table__.delete())
        db.session.commit()


def test_two_roles_with_one_name_at_once_make_one(race):
    """F26"""
    by = make_user(role="Administrator").id
    for _ in range(5):
        name = f"Editor {next(_number)}"

        def make(by, name=name):
            editing.create(Values(name, "main", 1, default=False), by=by)

        results = race(*[acting(make, by)] * 4)
        assert sorted(map(repr, results)) == ["NameTaken()"] * 3 + ["None"]


def test_pages_of_roles_that_are_sent_at_once_are_all_answered(race, racing_app):
    """F25, F38: the later request gets an explanation, and none fails."""
    admin = make_user(role="Administrator")
    browsers = [racing_app.test_client() for _ in range(8)]
    for browser in browsers:
        browser.enter(admin)
    tokens = [browser.csrf_token("/") for browser in browsers]
    for _ in range(6):
        role = make_role(f"Editor {next(_number)}", 0x11)
        user, at = make_user(role=role.name), f"/admin/roles/{role.id}"
        fields = {"name": role.name, "index": "main", "permissions": ["1"], "seen": "",
                  "role": role_id("User")}  # fmt: skip
        sent = [
            ("post", at), ("post", f"{at}/delete"), ("post", f"{at}/delete"), ("get", at),
            ("get", "/admin/roles"), ("post", "/admin/roles/new"),
            ("post", f"/admin/user/{user.id}/change-account-type"),
            ("get", f"/admin/users?role={role.id}"),
        ]  # fmt: skip

        def send(browser, token, method, path, fields=fields):
            data = {**fields, "csrf_token": token} if method == "post" else None
            return browser.open(path, method=method.upper(), data=data).status_code

        statuses = race(
            *(
                lambda b=b, t=t, m=m, p=p: send(b, t, m, p)
                for b, t, (m, p) in zip(browsers, tokens, sent, strict=True)
            )
        )
        answered = list(zip(sent, statuses, strict=True))
        assert set(statuses) <= {200, 302, 404, 409}, answered
        assert count(User.role_id.is_(None)) == 0
        db.session.execute(User.__table__.delete())
        db.session.commit()
