"""The page of a user: its contents, its buttons, and the effect of each button."""

import html
import re
from datetime import timedelta

import pytest
from sqlalchemy import event, select

from app import emails
from app.extensions import db
from app.kit import audit, erasing
from app.kit.database import now
from app.kit.mail.email_message import EmailMessage
from app.models import AuditEvent, Permission, UserSession
from app.services import own_account, password_reset, sessions, user_access, users
from tests.factories import make_role
from tests.support import PASSWORD, module_of

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
DELETE, RESTORE = ({"delete"}, {"restore"}) if module_of("deletion") else (set(), set())
ACTIONS_TRIED = DELETE | RESTORE | {
    "change-name", "change-email", "change-account-type", "suspend", "reactivate", "confirm",
    "resend-confirmation", "send-reset-link", "require-password-change", "end-sessions",
}  # fmt: skip


@pytest.fixture
def manager(app, make_user):
    """Return a browser of a user who has only MANAGE_USERS."""
    user = make_user(email="manager@example.com")
    bits = Permission.GENERAL | Permission.MANAGE_USERS
    user.role = make_role("Manager of people", permissions=int(bits))
    db.session.commit()
    browser = app.test_client()
    browser.enter(user)
    return browser


def page_of(user):
    return f"/admin/user/{user.id}"


def do(browser, user, action, data=None, **kwargs):
    return browser.submit(f"{page_of(user)}/{action}", data, form_at="/", **kwargs)


def offered(page, user):
    """Return the actions that have a link or a button on a page."""
    found = re.findall(rf'(?:href|action)="/admin/user/{user.id}/([a-z-]+)"', page.text)
    return set(found) & ACTIONS_TRIED


def text_of(page):
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text)))


def last_event():
    return db.session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()


# Contents of the page


def test_all_about_a_person_is_on_their_page(browser, admin, make_user):
    user = make_user(invited_by_id=admin.id, pending_email="waiting@example.com")
    user.invited_at = now() - timedelta(days=3)
    admin.first_name, admin.last_name = "Root", "Boss"
    sessions.start(user, remembered=True, address="2001:db8::17", device=FIREFOX)
    users.change_role(user, role=make_role("Reporter", 0x01 | 0x20), by=admin)
    page = browser.get(page_of(user))
    shown = text_of(page)
    for words in (
        user.full_name(), user.email, "waiting@example.com", "Reporter", "View the audit trail",
        "Firefox on Linux", "2001:db8::17", "stays signed in", "by Root Boss", "Accepted",
    ):  # fmt: skip
        assert words in shown, words
    assert FIREFOX in html.unescape(page.text)


def test_links_that_one_may_not_open_are_not_shown(manager, admin, make_user):
    user = make_user()
    users.suspend(user, by=admin)
    page = manager.get(page_of(user))
    assert "/admin/emails" not in page.text
    assert "/admin/audit" not in page.text
    assert "/sign-in-as" not in page.text


def test_a_suspension_says_why_and_since_when(browser, make_user):
    user = make_user()
    do(browser, user, "suspend", {"reason": "  Sends <spam>\nto everyone "})
    assert user.suspended_reason == "Sends <spam>\nto everyone"
    page = browser.get(page_of(user))
    assert "This account is suspended" in page.text
    assert "Sends &lt;spam&gt;" in page.text
    assert last_event().details == {"reason": "Sends <spam>\nto everyone"}
    do(browser, user, "reactivate", {"reason": "Promised to stop"})
    assert last_event().details == {"reason": "Promised to stop"}
    assert (user.status, user.suspended_reason) == ("active", "")
    shown = text_of(browser.get(page_of(user)))
    assert "This account is suspended" not in shown


def test_the_reason_is_not_mailed(browser, make_user, outbox):
    user = make_user()
    do(browser, user, "suspend", {"reason": "confidential"})
    assert "confidential" not in outbox.last_text()


def test_a_reason_has_a_limit(browser, make_user):
    user = make_user()
    page = do(browser, user, "suspend", {"reason": "x" * 501})
    assert "at most 500" in page.text
    assert user.status == "active"


def test_a_deleted_person_has_a_page_that_says_until_when(browser, make_user, monkeypatch):
    monkeypatch.setattr(erasing, "delays", [lambda: timedelta(days=30)])
    user = make_user(deleted_at=now())
    page = browser.get(page_of(user))
    due = now() + timedelta(days=30)
    assert f"Until {due.day} {due:%B %Y}" in text_of(page)
    assert offered(page, user) == RESTORE


def test_many_sessions_are_counted_and_a_few_shown(browser, make_user):
    user = make_user()
    for _ in range(25):
        sessions.start(user, remembered=False, address="192.0.2.1", device=FIREFOX)
    page = browser.get(page_of(user))
    assert page.text.count("192.0.2.1") >= 20
    assert "The 20 that were used last, of 25" in text_of(page)


def test_sessions_that_have_run_out_are_not_shown(browser, make_user):
    user = make_user()
    sessions.start(user, remembered=False, address="192.0.2.1", device=FIREFOX)
    db.session.execute(UserSession.__table__.update().where(UserSession.user_id == user.id)
                       .values(expires_at=now() - timedelta(seconds=1)))  # fmt: skip
    db.session.commit()
    assert "Not signed in anywhere" in browser.get(page_of(user)).text


def test_hostile_names_and_devices_are_shown_as_typed(browser, make_user, admin):
    """XS-2"""
    hostile = "<script>alert(1)</script>"
    user = make_user(first_name=hostile, last_name='"><img src=x>')
    sessions.start(user, remembered=False, address=hostile, device=hostile)
    users.suspend(user, by=admin, reason=hostile)
    for path in ("", "/reactivate", "/change-name", "/change-email"):
        page = browser.get(page_of(user) + path)
        assert page.status_code == 200
        assert hostile not in page.text
        assert "<img" not in page.text.replace('<img src="/static', "")


def test_the_page_asks_as_much_of_the_database_for_much_as_for_little(browser, admin, make_user):
    user = make_user(invited_by_id=admin.id)
    statements = []

    def note(_connection, _cursor, statement, *_rest):
        statements.append(statement)

    counts = []
    event.listen(db.engine, "before_cursor_execute", note)
    for _ in range(3):
        statements.clear()
        assert browser.get(page_of(user)).status_code == 200
        counts.append(len([sql for sql in statements if sql.startswith(("SELECT", "WITH"))]))
        for number in range(15):
            sessions.start(user, remembered=False, address="192.0.2.1", device=FIREFOX)
            users.change_email(user, email=f"n{number}@example.com", by=admin)
    event.remove(db.engine, "before_cursor_execute", note)
    # Each panel of a feature asks once.
    assert max(counts) <= min(counts) + 2 <= 19


# Available actions


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        ({}, {"suspend", "send-reset-link", "require-password-change"}),
        ({"confirmed": False}, {"suspend", "send-reset-link", "require-password-change",
                                "resend-confirmation", "confirm"}),
        ({"suspended": True}, {"reactivate", "require-password-change"}),
        ({"invited": True}, {"suspend"}),
        ({"must_change_password": True}, {"suspend", "send-reset-link"}),
    ],
    ids=["active", "unconfirmed", "suspended", "invited", "must change"],
)  # fmt: skip
def test_only_buttons_that_work_are_shown(browser, make_user, traits, expected):
    user = make_user(**traits)
    expected = expected | {"change-name", "change-email", "change-account-type"} | DELETE
    assert offered(browser.get(page_of(user)), user) == expected
    for action in ACTIONS_TRIED - expected - {"end-sessions"}:
        page = do(browser, user, action, follow_redirects=True)
        said = text_of(page)
        assert "the state of the account has changed" in said or "deleted" in said, action
    db.session.expire_all()
    assert user.status in {"active", "unconfirmed", "suspended", "invited"}


def test_administrators_are_offered_harmless_actions_on_their_own_account(browser, admin):
    """AD-2"""
    page = browser.get(page_of(admin))
    assert "This is you" in page.text
    assert "This browser" in page.text
    assert offered(page, admin) == {"change-name", "change-email", "end-sessions"}
    for action in {"require-password-change", "suspend", "change-account-type"} | DELETE:
        assert "your own account" in do(browser, admin, action, follow_redirects=True).text
    assert admin.status == "active"


def test_users_with_more_permissions_cannot_be_managed(manager, admin, make_user):
    """AZ-4: the page explains it and offers nothing, and every action is refused."""
    above = make_user(confirmed=False)
    above.role = make_role("Auditor", 0x01 | 0x04 | 0x20)
    db.session.commit()
    for user in (admin, above):
        page = manager.get(page_of(user))
        assert "You can only view this account" in page.text
        assert offered(page, user) == set()
        for action in ACTIONS_TRIED:
            for method in ("GET", "POST"):
                token = manager.csrf_token("/")
                response = manager.open(
                    f"{page_of(user)}/{action}",
                    method=method,
                    data={"csrf_token": token, "email": "x@example.com", "role": "1"},
                )
                assert response.status_code in {403, 405}, (action, method)
    above.deleted_at = now()
    db.session.commit()
    for action in RESTORE:
        assert do(manager, above, action).status_code == 403
    assert above.is_deleted
    assert admin.status == "active"


def test_managing_a_user_with_more_permissions_is_refused_with_a_reason(manager, admin):
    """The answer must not say that the permission is missing, because the user has it."""
    page = manager.get(f"{page_of(admin)}/suspend")
    assert page.status_code == 403
    assert "a person or a role with permissions that you lack" in text_of(page)


@pytest.mark.parametrize(
    ("came_from", "leads_back"),
    [
        ("http://localhost/admin/users?search=x", True),
        ("http://evil.example/admin/users?search=x", False),
        ("http://localhost//evil.example", False),
        ("http://[", False),
        ("javascript:alert(1)", False),
    ],
)
def test_a_refusal_leads_back_to_where_one_came_from(manager, admin, came_from, leads_back):
    page = manager.get(f"{page_of(admin)}/suspend", headers={"Referer": came_from})
    assert page.status_code == 403
    assert ('href="/admin/users?search=x">Go back</a>' in page.text) is leads_back
    assert ("Go back" in page.text) is leads_back


def test_the_form_for_an_address_holds_the_present_one(browser, make_user):
    """Most changes of an email correct one letter."""
    user = make_user()
    assert f'value="{user.email}"' in browser.get(f"{page_of(user)}/change-email").text


def test_an_unchanged_value_is_not_reported_as_changed(browser, make_user):
    user = make_user()
    before = db.session.query(AuditEvent).count()
    page = do(browser, user, "change-email", {"email": user.email})
    assert "This is their email address already." in page.text
    names = {"first_name": user.first_name, "last_name": user.last_name}
    assert "This is their name already." in do(browser, user, "change-name", names).text
    page = do(browser, user, "change-account-type", {"role": user.role_id})
    assert "They have this role already." in page.text
    assert db.session.query(AuditEvent).count() == before


def test_everything_works_for_someone_who_manages_people_alone(manager, make_user):
    user = make_user(confirmed=False)
    sessions.start(user, remembered=False, address="192.0.2.1", device=FIREFOX)
    session_id = db.session.scalar(select(UserSession.id).where(UserSession.user_id == user.id))
    role = make_role("Newcomer", permissions=int(Permission.GENERAL)).id
    for action, data in (
        ("resend-confirmation", {}),
        ("confirm", {}),
        ("change-name", {"first_name": "New", "last_name": "Name"}),
        ("change-email", {"email": "new@example.com"}),
        ("change-account-type", {"role": role}),
        ("send-reset-link", {}),
        ("require-password-change", {}),
        (f"sessions/{session_id}/end", {}),
        ("end-sessions", {}),
        ("suspend", {}),
        ("reactivate", {}),
        *((action, {}) for action in (*DELETE, *RESTORE)),
    ):
        response = do(manager, user, action, data)
        assert response.status_code == 302, action
        assert response.location == page_of(user), action
    assert user.status == "active"
    assert user.email == "new@example.com"


@pytest.mark.parametrize("user_id", [0, 999_999, 2**31 - 1, 2**31, 10**30])
def test_a_person_who_does_not_exist_is_404(browser, user_id):
    for action in sorted(ACTIONS_TRIED - {"resend-confirmation"}):
        assert browser.get(f"/admin/user/{user_id}/{action}").status_code == 404


# Effects of actions


def test_a_name_is_changed_and_on_the_record(browser, make_user, admin):
    """AD-5"""
    user = make_user(first_name="Ada", last_name="Byron")
    form = browser.get(f"{page_of(user)}/change-name").text
    assert 'value="Ada"' in form
    assert 'value="Byron"' in form
    page = do(
        browser, user, "change-name", {"first_name": " Ada ", "last_name": "Lovelace"},
        follow_redirects=True,
    )  # fmt: skip
    assert "The name is now Ada Lovelace." in page.text
    assert last_event().changes == {"last_name": ["Byron", "Lovelace"]}
    assert (last_event().action, last_event().actor_id) == ("user.renamed", admin.id)


@pytest.mark.parametrize("name", ["", "x" * 65, "\u200b", "\u202enoryB", "By\0ron"])
def test_a_name_that_registration_would_refuse_is_refused_here_too(browser, make_user, name):
    """IN-1, XS-5"""
    user = make_user(first_name="Ada", last_name="Byron")
    page = do(browser, user, "change-name", {"first_name": "Ada", "last_name": name})
    assert page.status_code == 200
    assert "Please check what you entered" in page.text
    assert user.last_name == "Byron"


def test_two_who_change_one_name_see_each_others(browser, admin, make_user):
    """F38: even if the full name is the same, and only its parts differ."""
    user = make_user(first_name="Maria", last_name="Garcia Lopez")
    other = make_user(role="Administrator", email="other@example.com")
    fields = open_form(browser, user, "change-name")
    users.change_name(user, first_name="Maria Garcia", last_name="Lopez", by=other)
    page = browser.post(
        f"{page_of(user)}/change-name", data={**fields, "first_name": "Mary", "last_name": "Lopez"}
    )
    assert page.status_code == 409
    shown = text_of(page)
    for words in (
        "other@example.com changed it", "First name You saw Maria Now it is Maria Garcia",
        "You want Mary", "Last name You saw Garcia Lopez Now it is Lopez",
    ):  # fmt: skip
        assert words in shown, words
    assert shown.count("You want") == 1, "what is the same is not worth comparing"
    assert user.first_name == "Maria Garcia"


def test_a_reset_link_goes_to_the_person_alone(browser, make_user, outbox):
    """AD-3"""
    user = make_user()
    assert "works for an hour" in browser.get(f"{page_of(user)}/send-reset-link").text
    do(browser, user, "send-reset-link")
    (mail,) = outbox.deliver()
    assert mail["To"] == user.email
    assert "/account/reset-password/" in mail.get_body(("plain",)).get_content()
    assert last_event().action == "user.reset_link_sent"
    assert "reset-password/" not in browser.get(page_of(user)).text.replace("send-reset", "")


def test_reset_links_are_limited_like_those_that_people_ask_for(browser, make_user):
    user = make_user()
    for _ in range(5):
        do(browser, user, "send-reset-link")
    page = do(browser, user, "send-reset-link", follow_redirects=True)
    assert "within an hour" in page.text
    assert len(db.session.scalars(select(EmailMessage.id)).all()) == 5


def test_an_address_is_confirmed_by_hand(browser, make_user):
    user = make_user(confirmed=False)
    assert user.email in browser.get(f"{page_of(user)}/confirm").text
    assert not user.confirmed
    do(browser, user, "confirm")
    assert user.status == "active"
    assert (last_event().action, last_event().subject_id) == ("user.confirmed", user.id)


def test_the_confirmation_is_sent_again(browser, make_user, outbox):
    user = make_user(confirmed=False)
    do(browser, user, "resend-confirmation")
    assert "/account/confirm-account/" in outbox.last_text()


def test_all_sessions_of_someone_end(browser, app, make_user):
    user = make_user()
    theirs = app.test_client()
    theirs.enter(user)
    assert user.full_name() in browser.get(f"{page_of(user)}/end-sessions").text
    assert theirs.is_signed_in()
    do(browser, user, "end-sessions")
    assert not theirs.is_signed_in()
    assert browser.is_signed_in()
    assert last_event().action == "user.sessions_ended"


def test_ending_ones_own_sessions_keeps_the_current_one(browser, app, admin):
    other = app.test_client()
    other.enter(admin)
    do(browser, admin, "end-sessions")
    assert not other.is_signed_in()
    assert browser.is_signed_in()


def test_one_session_ends_and_the_others_stay(browser, app, make_user):
    user = make_user()
    first, second = app.test_client(), app.test_client()
    first.enter(user)
    second.enter(user)
    ids = db.session.scalars(
        select(UserSession.id).where(UserSession.user_id == user.id).order_by(UserSession.id)
    ).all()
    do(browser, user, f"sessions/{ids[0]}/end")
    assert not first.is_signed_in()
    assert second.is_signed_in()


def test_a_session_of_someone_else_is_not_ended_by_its_number(manager, app, admin, make_user):
    """AZ-2"""
    theirs = app.test_client()
    theirs.enter(admin)
    session_id = db.session.scalar(select(UserSession.id).where(UserSession.user_id == admin.id))
    do(manager, make_user(), f"sessions/{session_id}/end")
    assert do(manager, admin, f"sessions/{session_id}/end").status_code == 403
    assert theirs.is_signed_in()


def test_grave_actions_ask_for_the_password_again(browser, make_user):
    """SE-5"""
    user = make_user()
    db.session.execute(
        UserSession.__table__.update().values(authenticated_at=now() - timedelta(hours=1))
    )
    db.session.commit()
    grave = ACTIONS_TRIED - {
        "resend-confirmation",
        "send-reset-link",
        "restore",
        "reactivate",
        "confirm",
    }
    for action in grave:
        assert do(browser, user, action).location.startswith("/account/reauthenticate"), action
    assert user.status == "active"


@pytest.mark.parametrize("action", sorted(ACTIONS_TRIED - {"resend-confirmation"}))
def test_a_page_that_asks_names_the_person_and_changes_nothing(browser, make_user, action):
    """CS-2"""
    traits = {
        "reactivate": {"suspended": True},
        "confirm": {"confirmed": False},
        "restore": {"deleted_at": now()},
    }.get(action, {})
    user = make_user(**traits)
    sessions.start(user, remembered=False, address="", device="")
    before = {column: getattr(user, column) for column in ("status", "email", "role_id")}
    shown = text_of(browser.get(f"{page_of(user)}/{action}"))
    assert user.full_name() in shown
    assert user.email in shown
    db.session.expire_all()
    assert before == {column: getattr(user, column) for column in before}


def test_an_action_that_came_too_late_says_so(browser, make_user, monkeypatch):
    """Another user deletes the account after the page was loaded and before the lock."""
    user = make_user()
    monkeypatch.setattr("app.services.user_page.is_available", lambda *_, **__: True)
    user.deleted_at = now()
    db.session.commit()
    page = do(browser, user, "suspend", follow_redirects=True)
    assert "deleted, so it cannot be changed" in page.text


# Edit conflicts


def open_form(browser, user, action):
    """Open a form, and return the data that it would send."""
    text = browser.get(f"{page_of(user)}/{action}").text
    fields = dict(re.findall(r'<input[^>]*name="(\w+)"[^>]*value="([^"]*)"', text))
    return {name: html.unescape(value) for name, value in fields.items() if name != "submit"}


@pytest.mark.parametrize(
    ("action", "sent"),
    [
        ("change-name", {"first_name": "Mine", "last_name": "Alone"}),
        ("change-email", {"email": "mine@example.com"}),
        ("change-account-type", {}),
        ("suspend", {"reason": "mine"}),
    ],
)
def test_a_stale_form_shows_both_versions_and_overwrites_nothing(
    browser, admin, make_user, action, sent
):
    """F38"""
    user = make_user(email="before@example.com")
    other = make_user(role="Administrator", email="other@example.com")
    editor = make_role("Editor", 0x11)
    wanted = next(iter(sent.values()), "Editor")
    if action == "suspend":
        wanted = "Suspended"
    if action == "change-account-type":
        sent = {"role": str(editor.id)}
    fields = open_form(browser, user, action)
    users.change_email(user, email="theirs@example.com", by=other)

    page = browser.post(f"{page_of(user)}/{action}", data={**fields, **sent})

    assert page.status_code == 409
    shown = text_of(page)
    for words in (
        "changed while you were editing", "other@example.com", "before@example.com",
        "theirs@example.com", wanted,
    ):  # fmt: skip
        assert words in shown, words
    assert (user.email, user.role.name, user.status) == ("theirs@example.com", "User", "active")

    again = dict(re.findall(r'<input[^>]*name="(\w+)"[^>]*value="([^"]*)"', page.text))
    again = {name: html.unescape(value) for name, value in again.items()}
    response = browser.post(f"{page_of(user)}/{action}", data={**again, **sent})
    assert response.status_code == 302
    assert {
        "change-name": user.full_name() == "Mine Alone",
        "change-email": user.email == "mine@example.com",
        "change-account-type": user.role.name == "Editor",
        "suspend": user.suspended_reason == "mine",
    }[action]


def test_a_conflict_does_not_name_events_after_the_change(browser, admin, make_user):
    """F38: a requested reset changes no value of the form."""
    user = make_user()
    other = make_user(role="Administrator", email="other@example.com")
    fields = open_form(browser, user, "change-email")
    users.suspend(user, by=other)
    password_reset.request_password_reset(user.email)
    page = browser.post(f"{page_of(user)}/change-email", data={**fields, "email": "m@example.com"})
    assert "other@example.com changed it" in text_of(page)
    assert "Now it is Suspended" in text_of(page)


def test_the_actions_that_change_someone_are_actions_of_the_trail():
    assert set(users.CHANGE_EVENTS) <= set(audit.ACTIONS)


def test_a_form_is_not_stale_for_what_does_not_matter(browser, make_user):
    user = make_user()
    fields = open_form(browser, user, "change-email")
    user.last_seen_at = now()
    sessions.start(user, remembered=False, address="", device="")
    response = browser.post(
        f"{page_of(user)}/change-email", data={**fields, "email": "mine@example.com"}
    )
    assert response.status_code == 302


@pytest.mark.parametrize("seen", ["", "{", "[]", "null", '{"Role": {}}', "9" * 5000, "[" * 20_000])
def test_an_invalid_snapshot_is_a_conflict(browser, make_user, seen):
    user = make_user()
    page = do(browser, user, "change-email", {"email": "mine@example.com", "seen": seen})
    assert page.status_code == 409
    assert "mine@example.com" in page.text
    assert user.email != "mine@example.com"


# Services


def test_a_command_may_do_it_too(make_user):
    user = make_user(confirmed=False)
    user_access.confirm(user, by=None)
    users.suspend(user, by=None)
    users.reactivate(user, by=None)
    assert user.status == "active"
    assert last_event().actor_id is None


@pytest.mark.parametrize(
    "action", ["change_name", "change_email", "change_role", "suspend", "reactivate"]
)
def test_nothing_is_done_to_a_deleted_account(admin, make_user, action):
    user = make_user(deleted_at=now())
    values = {
        "change_name": {"first_name": "X", "last_name": "Y"},
        "change_email": {"email": "x@example.com"},
        "change_role": {"role": admin.role},
    }
    with pytest.raises(own_account.UserGone):
        getattr(users, action)(user, by=admin, **values.get(action, {}))


@pytest.mark.parametrize("days", [30, None])
def test_the_date_of_erasure_is_promised_only_if_a_feature_erases(
    browser, make_user, monkeypatch, outbox, days
):
    delays = [lambda: timedelta(days=days)] if days else []
    monkeypatch.setattr(erasing, "delays", delays)
    user = make_user(email="gone@example.com", deleted_at=now())
    taken = {"first_name": "A", "last_name": "B", "email": user.email, "role": str(user.role_id)}
    taken |= {"password": PASSWORD, "password2": PASSWORD}
    pages = [
        browser.get(f"/admin/user/{user.id}").text,
        browser.submit("/admin/new-user", taken).text,
    ]
    emails.send_address_reserved(user.email)
    db.session.commit()
    pages.append(outbox.last_text())
    for page in pages:
        assert "deleted" in page
        assert ("erased" in page) is bool(days)
