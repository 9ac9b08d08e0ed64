"""Test impersonation: its permission, the pages that it opens and closes, and its end."""

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from app import create_app
from app.extensions import db
from app.features.impersonation import impersonation
from app.kit.database import now
from app.kit.web import gatekeeper
from app.models import AuditEvent, Permission, UserSession
from app.services import email_change, password_reset, sessions, sign_in, users
from app.services.own_account import NotWhileImpersonating
from tests import factories
from tests.support import PASSWORD, module_of, needs

bulk = module_of("bulk")

SUPPORT = Permission.GENERAL | Permission.MANAGE_USERS | Permission.IMPERSONATE
NOT_WHILE = "Not while you are signed in as someone else"
EXTRA_BIT = Permission.MANAGE_CONTENT


@pytest.fixture
def helper(make_user):
    """A user who may impersonate others and has no other permission."""
    user = make_user(email="helper@example.com", first_name="Hilda", last_name="Helper")
    user.role = factories.make_role("Support", permissions=SUPPORT)
    db.session.commit()
    return user


@pytest.fixture
def customer(make_user):
    return make_user(email="customer@example.com", first_name="Carl", last_name="Customer")


@pytest.fixture
def browser(client, helper):
    client.enter(helper)
    return client


def page_of(user):
    return f"/admin/user/{user.id}/sign-in-as"


def begin(browser, user, password=PASSWORD, **fields):
    return browser.submit(page_of(user), {"password": password, **fields})


def stop(browser):
    return browser.submit("/account/stop-acting", form_at="/")


def acts_as(browser):
    """Return the email of the user that the browser is signed in as."""
    found = re.search(r"<h3>Email address</h3><p>([^<]+)</p>", browser.get("/account/manage").text)
    return found and found[1]


def has_banner(page):
    return 'class="acting"' in page.text


def events(*names):
    query = select(AuditEvent).order_by(AuditEvent.id)
    return [event for event in db.session.scalars(query) if not names or event.action in names]


# Start


def test_an_administrator_starts_and_ends_an_impersonation(browser, helper, customer):
    """The permission is enough; the user need not be an administrator."""
    page = browser.get(page_of(customer))
    assert "Sign in as Carl Customer?" in page.text
    assert acts_as(browser) == helper.email

    response = begin(browser, customer, reason="Request 4711")
    assert response.location == "/"
    assert acts_as(browser) == customer.email
    assert browser.get("/admin/users").status_code == 403, "they may do what the customer may"

    response = stop(browser)
    assert response.location == f"/admin/user/{customer.id}"
    assert acts_as(browser) == helper.email
    assert not has_banner(browser.get("/"))


def test_the_password_is_asked_for_however_fresh_the_sign_in_is(browser, customer):
    """SE-8: even right after signing in, and again for the next impersonation."""
    for password in ("", "wrong password", "wrong password"):
        page = begin(browser, customer, password)
        assert page.status_code == 200
        assert 'aria-invalid="true"' in page.text
    assert events("session.impersonation_started") == []
    assert len(events("session.reauthentication_refused")) == 2
    begin(browser, customer)
    stop(browser)
    assert begin(browser, customer, "").status_code == 200
    assert acts_as(browser) == "helper@example.com"


def test_the_password_of_the_other_is_none(browser, helper, customer):
    customer.password = "quite another horse battery"
    db.session.commit()
    assert "not your password" in begin(browser, customer, "quite another horse battery").text


def test_guesses_are_counted(browser, customer):
    """BF-1"""
    token = browser.csrf_token(page_of(customer))
    answers = [
        browser.post(page_of(customer), data={"csrf_token": token, "password": "wrong"}).status_code
        for _ in range(12)
    ]
    assert answers == [200] * 10 + [429] * 2


@pytest.mark.parametrize("trait", ["oneself", "suspended", "deleted", "invited", "above"])
def test_it_is_refused(trait, browser, helper, make_user):
    """AZ-4: for users with more permissions, for oneself, and for users who cannot sign in."""
    target = {
        "oneself": lambda: helper,
        "suspended": lambda: make_user(suspended=True),
        "deleted": lambda: make_user(deleted_at=now()),
        "invited": lambda: make_user(invited=True),
        "above": lambda: make_user(role="Administrator"),
    }[trait]()
    for response in (
        browser.get(page_of(target)),
        browser.post(
            page_of(target), data={"password": PASSWORD, "csrf_token": browser.csrf_token("/")}
        ),
    ):
        assert response.status_code == (403 if trait == "above" else 302)
    assert acts_as(browser) == helper.email
    assert events("session.impersonation_started") == []
    assert f'href="{page_of(target)}"' not in browser.get(f"/admin/user/{target.id}").text


def test_a_role_that_holds_one_permission_more_is_above(browser, make_user):
    """AZ-4"""
    other = make_user()
    other.role = factories.make_role("Editor", permissions=SUPPORT | EXTRA_BIT)
    db.session.commit()
    assert browser.get(page_of(other)).status_code == 403


def test_an_administrator_may_be_another_administrator_and_no_less(client, admin, make_user):
    client.enter(admin)
    begin(client, make_user(role="Administrator", email="other@example.com"))
    assert acts_as(client) == "other@example.com"


def test_the_button_is_there_where_it_works(browser, customer):
    assert f'href="{page_of(customer)}"' in browser.get(f"/admin/user/{customer.id}").text


def test_the_button_is_not_for_those_without_the_permission(client, make_user, customer):
    manager = make_user()
    manager.role = factories.make_role("Manager", permissions=SUPPORT & ~Permission.IMPERSONATE)
    db.session.commit()
    client.enter(manager)
    assert page_of(customer) not in client.get(f"/admin/user/{customer.id}").text
    assert client.get(page_of(customer)).status_code == 403


# During an impersonation


@pytest.mark.parametrize("path", ["/", "/account/manage", "/nowhere", "/admin/users", "/admin/"])
def test_every_page_says_so(path, browser, customer):
    """This includes error pages."""
    begin(browser, customer)
    page = browser.get(path)
    assert has_banner(page)
    assert "Carl Customer" in page.text
    assert "Hilda Helper" in page.text
    assert "/account/stop-acting" in page.text


def test_admin_pages_and_pages_of_stale_forms_say_so_too(client, admin, make_user):
    client.enter(admin)
    begin(client, make_user(role="Administrator"))
    assert has_banner(client.get("/admin/users"))
    stale = client.post("/account/logout", data={"csrf_token": "x"})
    assert stale.status_code == 400
    assert has_banner(stale)


def test_the_impersonation_of_an_unconfirmed_user_can_be_ended(browser, make_user, helper):
    begin(browser, make_user(confirmed=False))
    assert browser.get("/").location == "/account/unconfirmed"
    assert has_banner(browser.get("/account/unconfirmed"))
    browser.submit("/account/stop-acting", form_at="/account/unconfirmed")
    assert acts_as(browser) == helper.email


def test_the_account_does_not_offer_what_is_closed(browser, customer):
    begin(browser, customer)
    page = browser.get("/account/manage").text
    for path in ("change-password", "change-email", "delete"):
        assert f'href="/account/manage/{path}' not in page


APP = create_app("testing")
RULES = sorted(APP.url_map.iter_rules(), key=str)
GATE = next(gate for gate in gatekeeper.in_order() if gate.name == "impersonating")
OF_THE_ACCOUNT = [
    rule
    for rule in RULES
    if rule.endpoint.startswith("account.") and not gatekeeper.skips(APP, rule.endpoint, GATE)
]
# When a page of the account is opened to impersonation, review this list by hand.
CHANGE_HOW_TO_SIGN_IN = {
    *("account.change_password", "account.change_email_request", "account.change_email"),
    *("account.cancel_email_change", "account.reauthenticate", "account.confirm_request"),
}


def test_pages_that_change_how_to_sign_in_are_closed():
    closed = {rule.endpoint for rule in OF_THE_ACCOUNT}
    assert closed >= CHANGE_HOW_TO_SIGN_IN
    # A feature of a copy may have rows to delete, such as account.delete_project.
    words = ("password", "email", "delete_account", "session", "authenticat")
    opened = {rule.endpoint for rule in RULES if rule.endpoint.startswith("account.")} - closed
    harmless = {"account.reset_password", "account.check_password", "account.delete_view"}
    for endpoint in opened - harmless:
        assert not any(word in endpoint for word in words) or endpoint.endswith("_request"), (
            endpoint
        )


def test_forms_that_change_how_to_sign_in_are_refused(browser, customer, undone):
    """SE-8: this covers all such routes, including future ones."""
    begin(browser, customer)
    token = browser.csrf_token("/")
    before = customer.password_hash, customer.email, customer.pending_email
    sent = {"password": PASSWORD, "old_password": PASSWORD, "email": "thief@example.com"}
    sent |= {"new_password": "a horse of my own battery", "new_password2": "", "csrf_token": token}
    for rule in OF_THE_ACCOUNT:
        url = re.sub(r"<[^>]+>", "1", str(rule))
        with undone(browser):
            for method in rule.methods - {"OPTIONS"}:
                response = browser.open(url, method=method, data=sent)
                assert response.status_code == 403, (url, method)
                assert method == "HEAD" or NOT_WHILE in response.text, (url, method)
            db.session.refresh(customer)
            now_has = customer.password_hash, customer.email, customer.pending_email
            assert now_has == before, url
            assert customer.deleted_at is None, url


def test_pages_that_ask_for_a_password_are_closed_even_after_a_fresh_sign_in(app, client, admin):
    """SE-8: no password unlocks it, so an administrator cannot hide behind a second one."""
    other = factories.make_user(role="Administrator")
    client.enter(admin)
    begin(client, other)
    token = client.csrf_token("/")
    views = app.view_functions
    guarded = [
        rule for rule in RULES if "stale_sign_in" in getattr(views[rule.endpoint], "closed_to", ())
    ]
    assert len(guarded) > 5
    for rule in guarded:
        url = re.sub(r"<[^>]+>", str(other.id), str(rule))
        for method in rule.methods & {"GET", "POST"}:
            response = client.open(url, method=method, data={"csrf_token": token})
            assert response.status_code == 403, (method, url)
            assert NOT_WHILE in response.text
    assert client.get("/account/reauthenticate").status_code == 403


OF_THE_ADMIN = [rule for rule in RULES if rule.endpoint.startswith("admin.")]


def test_no_page_of_the_admin_changes_how_the_other_signs_in(client, admin, undone):
    """SE-8: the administrator's own row is among the users, with forms that change users."""
    other = factories.make_user(role="Administrator")
    sessions.start(other, remembered=False, address="", device="")
    own = db.session.scalars(select(UserSession.id)).one()
    client.enter(admin)
    begin(client, other)
    before = how_to_sign_in(other)
    sent = {"email": "thief@example.com", "password": PASSWORD, "confirm": "1", "submit": "1"}
    sent |= {"csrf_token": client.csrf_token("/"), "user_ids": str(other.id), "reason": "x"}
    for rule in OF_THE_ADMIN:
        if "POST" not in rule.methods:
            continue
        url = str(rule).replace("<int:user_id>", str(other.id))
        url = re.sub(r"<[^>]+>", "1", url.replace("<int:session_id>", str(own)))
        with undone(client):
            client.post(url, data=sent)
            assert how_to_sign_in(other) == before, url


def how_to_sign_in(user):
    db.session.refresh(user)
    columns = ("email", "pending_email", "password_hash", "must_change_password", "confirmed")
    columns += ("suspended_at", "deleted_at", "role_id")
    sessions_of = select(UserSession.id).where(UserSession.user_id == user.id)
    return [getattr(user, name) for name in columns], list(db.session.scalars(sessions_of))


def test_an_impersonator_cannot_impersonate_a_third_user(client, admin, make_user):
    client.enter(admin)
    second, third = make_user(role="Administrator"), make_user()
    begin(client, second)
    token = client.csrf_token("/")
    assert client.get(page_of(third)).status_code == 403
    sent = {"password": PASSWORD, "csrf_token": token}
    assert client.post(page_of(third), data=sent).status_code == 403
    assert page_of(third) not in client.get(f"/admin/user/{third.id}").text
    assert acts_as(client) == second.email


def test_services_refuse_it_without_a_page(browser, helper, customer):
    """SE-8 holds in the services too, so another interface, such as an API, is no way around."""
    begin(browser, customer)
    customer.session = db.session.scalars(select(UserSession)).one()
    for action in (
        lambda: password_reset.change_password(customer, old=PASSWORD, new=PASSWORD, keep=None),
        lambda: email_change.request_email_change(
            customer, new_email="a@b.example", password=PASSWORD
        ),
        lambda: email_change.cancel_email_change(customer),
        lambda: email_change.change_email(customer, "x"),
        lambda: sign_in.check_own_password(customer, PASSWORD),
        lambda: sessions.confirm(customer.session, method="password"),
        lambda: impersonation.start(helper, by=customer, password=PASSWORD),
    ):
        with pytest.raises(NotWhileImpersonating):
            action()


def test_being_there_is_not_being_seen(browser, helper, customer):
    """An impersonation does not count as activity of the user."""
    begin(browser, customer)
    row = db.session.scalars(select(UserSession)).one()
    row.last_seen_at = helper.last_seen_at = now() - timedelta(hours=1)
    db.session.commit()
    browser.get("/")
    db.session.expire_all()
    assert customer.last_seen_at is None
    assert now() - helper.last_seen_at < timedelta(minutes=1)
    assert db.session.scalars(select(UserSession)).one().user_id == helper.id


# Forms


def test_a_form_of_the_one_does_nothing_for_the_other(browser, customer, helper):
    """CS-1: in both directions, and the page about the stale form does not offer to send it."""
    own = browser.csrf_token("/")
    begin(browser, customer)
    theirs = browser.csrf_token("/")
    for token in (own, "nonsense"):
        page = browser.post(
            "/account/logout", data={"csrf_token": token}, headers={"Sec-Fetch-Site": "same-origin"}
        )
        assert page.status_code == 400
        assert "Send again" not in page.text
    stop(browser)
    for token in (own, theirs):
        page = browser.post(
            "/account/logout", data={"csrf_token": token}, headers={"Sec-Fetch-Site": "same-origin"}
        )
        assert page.status_code == 400
        assert "Send again" not in page.text
    assert acts_as(browser) == helper.email


def test_a_form_that_outlives_it_is_not_sent_in_ones_own_name(browser, customer, helper):
    """CS-1"""
    begin(browser, customer)
    token = browser.csrf_token("/")
    run_out()
    response = browser.post("/account/logout", data={"csrf_token": token})
    assert (response.status_code, response.location) == (302, "/")
    page = browser.get("/account/manage")
    assert "The impersonation has ended" in page.text
    assert helper.email in page.text
    assert browser.post("/account/logout", data={"csrf_token": token}).status_code == 400


# End


def run_out():
    for row in db.session.scalars(select(UserSession)):
        row.acting_until = now() - timedelta(seconds=1)
    db.session.commit()


def test_it_ends_by_itself_after_half_an_hour(browser, customer, helper, app):
    begin(browser, customer)
    row = db.session.scalars(select(UserSession)).one()
    left = row.acting_until - now()
    assert timedelta(minutes=29) < left <= timedelta(minutes=30)
    assert app.config["IMPERSONATION_MINUTES"] == 30
    run_out()
    page = browser.get("/account/manage")
    assert "The impersonation has ended" in page.text
    assert helper.email in page.text
    assert not has_banner(page)
    assert "The impersonation has ended" not in browser.get("/account/manage").text
    (ended,) = events("session.impersonation_ended")
    assert ended.details["how"] == "ran out"


def test_it_ends_when_the_session_does_at_the_latest(browser, customer):
    row = db.session.scalars(select(UserSession)).one()
    row.expires_at = now() + timedelta(minutes=5)
    db.session.commit()
    begin(browser, customer)
    assert db.session.scalars(select(UserSession)).one().acting_until == row.expires_at


def demote_helper(helper, _customer, _admin):
    helper.role = factories.make_role("Less", permissions=SUPPORT & ~Permission.IMPERSONATE)
    db.session.commit()


ENDINGS = {
    "the other is suspended": lambda helper, customer, admin: users.suspend(customer, by=admin),
    "the other is deleted": lambda helper, customer, admin: mark_deleted(customer),
    "the other's sessions end": lambda helper, customer, admin: end_sessions(customer),
    "many are signed out at once": lambda helper, customer, admin: sign_out_in_bulk(
        customer, admin
    ),
    "the other rises above": lambda helper, customer, admin: users.change_role(
        customer, role=admin.role, by=admin
    ),
    "the permission is taken away": demote_helper,
    "a new password is asked for": lambda helper, customer, admin: require_password(helper),
}


def mark_deleted(user):
    user.deleted_at = now()
    db.session.commit()


def end_sessions(user):
    sessions.end_all(user)
    db.session.commit()


def sign_out_in_bulk(user, admin):
    sessions.start(user, remembered=False, address="", device="")
    operation = bulk.preview("end_sessions", by=admin, user_ids=[user.id])
    bulk.confirm(operation, by=admin)
    bulk.run(operation.id)


def require_password(user):
    user.must_change_password = True
    db.session.commit()


@needs("bulk")
@pytest.mark.parametrize("cause", ENDINGS)
def test_it_ends_at_once_when(cause, browser, helper, customer, admin):
    """SE-4"""
    begin(browser, customer)
    ENDINGS[cause](helper, customer, admin)
    page = browser.get("/")
    assert not has_banner(page)
    db.session.expire_all()
    row = db.session.scalars(select(UserSession)).one()
    assert row.acting_as_id is None
    (ended,) = events("session.impersonation_ended")
    assert (ended.actor_label, ended.acting_as_label) == (helper.email, customer.email)
    assert ended.details["how"] != "ran out"


def test_it_ends_at_once_when_the_one_who_acts_is_suspended(browser, helper, customer, admin):
    """SE-4"""
    begin(browser, customer)
    users.suspend(helper, by=admin)
    assert not browser.is_signed_in()


def test_it_ends_when_the_other_is_gone(browser, helper, customer):
    """SE-4"""
    begin(browser, customer)
    db.session.delete(customer)
    db.session.commit()
    assert acts_as(browser) == helper.email
    (ended,) = events("session.impersonation_ended")
    assert ended.actor_label == helper.email


def test_signing_out_ends_all(browser, customer):
    """SE-2"""
    begin(browser, customer)
    browser.submit("/account/logout", form_at="/")
    assert not browser.is_signed_in()
    assert db.session.scalars(select(UserSession)).all() == []
    assert [event.details["how"] for event in events("session.impersonation_ended")] == ["stopped"]


def test_two_requests_record_the_end_of_an_impersonation_once(browser, customer):
    begin(browser, customer)
    run_out()
    row = db.session.scalars(select(UserSession)).one()
    stale = SimpleNamespace(
        id=row.id,
        acting_as_id=row.acting_as_id,
        acting_until=row.acting_until,
        is_impersonation=False,
        user=row.user,
        user_id=row.user_id,
    )
    impersonation.settle(row)
    impersonation.settle(stale)
    impersonation.stop(SimpleNamespace(session=stale))
    assert len(events("session.impersonation_ended")) == 1


def test_stopping_an_ended_operation_does_no_harm(browser, customer, helper):
    begin(browser, customer)
    stop(browser)
    assert stop(browser).location == "/"
    assert acts_as(browser) == helper.email
    assert len(events("session.impersonation_ended")) == 1


def test_a_remembered_browser_is_still_the_other_and_says_so(app, helper, customer):
    browser = app.test_client()
    browser.sign_in(helper.email, remember_me="y")
    begin(browser, customer)
    browser.delete_cookie("session")
    assert acts_as(browser) == customer.email
    assert has_banner(browser.get("/"))


# The audit trail


def test_both_names_are_on_the_record(browser, helper, customer):
    """AD-5"""
    begin(browser, customer, reason="Request 4711")
    stop(browser)
    started, ended = events("session.impersonation_started", "session.impersonation_ended")
    for event in (started, ended):
        assert (event.actor_id, event.actor_label) == (helper.id, helper.email)
        assert (event.acting_as_id, event.acting_as_label) == (customer.id, customer.email)
        assert (event.subject_type, event.subject_id) == ("user", customer.id)
    assert started.details["reason"] == "Request 4711"
    assert PASSWORD not in repr([event.details for event in events()])


@needs("invitations")
def test_events_of_an_impersonation_name_both_users(client, admin, make_user):
    """AD-5"""
    other = make_user(role="Administrator", email="other@example.com")
    invited = make_user(invited=True)
    client.enter(admin)
    begin(client, other)
    client.submit(f"/admin/user/{invited.id}/resend-invite", form_at="/")
    (event,) = events("user.invitation_resent")
    assert (event.actor_label, event.acting_as_label) == (admin.email, other.email)


# Error pages during an impersonation


def test_a_403_during_an_impersonation_speaks_of_the_impersonated_user(browser, helper, customer):
    begin(browser, customer)
    page = browser.get("/admin/users")
    assert page.status_code == 403
    assert "The account that you are signed in as does not have the permission" in page.text


@needs("bulk")
def test_a_form_from_before_says_that_someone_else_is_signed_in_now(browser, helper, customer):
    """The page keeps the text that was entered, but not the selected rows."""
    token = browser.csrf_token("/")
    begin(browser, customer)
    sent = {"csrf_token": token, "reason": "Spam", "user_ids": ["4711", "4712"], "action": "delete"}
    page = browser.post("/admin/users/bulk", data=sent)
    assert page.status_code == 400
    assert "You signed in as someone else, or stopped" in page.text
    assert "Spam" in page.text
    assert "4711" not in page.text


def test_users_without_a_password_impersonate_and_are_impersonated(browser, helper, customer):
    helper.password_hash = customer.password_hash = None
    db.session.commit()
    browser.submit(page_of(customer), {"reason": ""})
    assert "customer@example.com" in browser.get("/").text
    assert len(events("session.impersonation_started")) == 1
