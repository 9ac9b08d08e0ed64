"""Invitations in the API."""

from app.extensions import db
from app.features.api.tests.programs import (
    Call,
    admin_program,
    get,
    on_user,
    problem_of,
    program,
)
from app.models import Permission, Role, User
from tests import factories
from tests.support import path_of

__all__ = ["admin_program", "program"]

PATH = "/invitations"
NAMES = (
    *("list_invitations", "get_invitation", "invite_user", "resend_invitation"),
    *("copy_invitation_link", "revoke_invitation"),
)
ACCESS = {f"api.{name}": Permission.MANAGE_USERS for name in NAMES}
GRACE = {"email": "grace@example.com", "first_name": "Grace", "last_name": "Hopper"}


def with_role(role="User", **values):
    found = db.session.scalars(db.select(Role).filter_by(name=role)).one()
    return GRACE | {"role_id": found.id} | values


def invite(program):
    """Invite another user each time, with a role that every token may give."""
    role, number = factories.make_role("Plain", index="account"), factories.make_user().id
    answer = program.post(PATH, with_role(role.name, email=f"grace{number}@example.com"))
    role.name = f"Plain {number}"
    db.session.commit()
    return answer


CALLS = {
    "api.list_invitations": get(PATH),
    "api.invite_user": Call(invite, "user.invited"),
    "api.get_invitation": on_user("GET", f"{PATH}/{{}}", invited=True),
    "api.resend_invitation": on_user(
        "POST", f"{PATH}/{{}}/resend", event="user.invitation_resent", invited=True
    ),
    "api.copy_invitation_link": on_user(
        "POST", f"{PATH}/{{}}/link", event="user.invitation_link_copied", invited=True
    ),
    "api.revoke_invitation": on_user(
        "DELETE", f"{PATH}/{{}}", event="user.invitation_revoked", invited=True
    ),
}


def test_a_program_invites_a_user_and_revokes_it(admin_program, outbox):
    answer = admin_program.post(PATH, with_role())
    assert answer.status_code == 201, answer.text
    where = answer.headers["Location"]
    assert admin_program.get(where).json == answer.json
    assert answer.json["email"] == "grace@example.com"
    assert answer.json["link"] == "waiting"
    (mail,) = outbox.deliver()
    assert mail["To"] == "grace@example.com"
    (listed,) = admin_program.get(f"{PATH}?search=hopper").json["items"]
    assert (listed["id"], listed["link"]) == (answer.json["id"], "open")
    assert listed["invited_by_id"] == admin_program.user.id
    assert admin_program.delete(where).status_code == 204
    assert User.by_email("grace@example.com") is None
    assert problem_of(admin_program.get(where)) == (404, "not-found")


def test_a_copied_link_works_once_and_is_not_kept_in_caches(admin_program, make_user, client):
    user = make_user(invited=True)
    answer = admin_program.post(f"{PATH}/{user.id}/link")
    assert answer.headers["Cache-Control"] == "no-store"
    assert client.get(path_of(answer.json["url"])).status_code == 200
    assert admin_program.post(f"{PATH}/{user.id}/link").json != answer.json
    assert client.get(path_of(answer.json["url"])).status_code == 404


def test_values_that_are_wrong_are_named(admin_program, make_user):
    make_user(email="taken@example.com")
    for values, field in (
        (with_role(email="nobody"), "email"),
        (with_role(first_name=""), "first_name"),
        (with_role() | {"role_id": 999}, "role_id"),
        (with_role(password="x"), "password"),
    ):
        answer = admin_program.post(PATH, values)
        assert problem_of(answer)[0] == 422
        assert [one["pointer"] for one in answer.json["errors"]] == [f"#/{field}"]
    taken = admin_program.post(PATH, with_role(email="taken@example.com"))
    assert problem_of(taken) == (409, "email-taken")


def test_nobody_is_invited_above_the_scopes_of_the_token(program, admin, make_user):
    limited = program(admin, scopes=Permission.GENERAL | Permission.MANAGE_USERS)
    answer = limited.post(PATH, with_role("Administrator"))
    assert problem_of(answer) == (403, "insufficient-privileges")
    above = make_user(invited=True, role="Administrator")
    for path in ("resend", "link"):
        answer = limited.post(f"{PATH}/{above.id}/{path}")
        assert problem_of(answer) == (403, "insufficient-privileges")
    assert problem_of(limited.delete(f"{PATH}/{above.id}"))[0] == 403


def test_a_user_who_is_not_invited_has_no_invitation(admin_program, make_user):
    user_id = make_user().id
    assert problem_of(admin_program.get(f"{PATH}/{user_id}")) == (404, "not-found")
    assert problem_of(admin_program.delete(f"{PATH}/{user_id}")) == (404, "not-found")
    assert db.session.get(User, user_id)


def test_invitations_may_be_closed(app, admin_program, monkeypatch, make_user):
    user = make_user(invited=True)
    monkeypatch.setitem(app.config, "REGISTRATION", "closed")
    for answer in (
        admin_program.post(PATH, with_role()),
        admin_program.post(f"{PATH}/{user.id}/resend"),
        admin_program.post(f"{PATH}/{user.id}/link"),
    ):
        assert problem_of(answer) == (409, "invitations-closed")
