"""The pages on which users and administrators manage tokens."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app.extensions import db
from app.features.api import slots, token_format, tokens
from app.features.api.models import ApiToken
from app.features.api.tests.support import MANAGE, give_token
from app.kit.database import now
from app.models import Permission, UserSession
from tests import factories

SECRET = re.compile(r"kit_[0-9A-Za-z]{38}")
FORM = {"name": "Report", "days": "30", "access": "write"}


@pytest.fixture
def supporter(app, make_user):
    factories.make_role("Support", int(Permission.GENERAL | Permission.MANAGE_USERS))
    user = make_user(role="Support")
    browser = app.test_client()
    browser.enter(user)
    return user, browser


def test_a_token_is_made_and_shown_once(supporter):
    user, browser = supporter
    scopes = {"scopes": str(int(Permission.MANAGE_USERS))}
    page = browser.submit(f"{MANAGE}/new", FORM | scopes)
    (secret,) = SECRET.findall(page.text)
    assert token_format.is_well_formed(secret)
    assert not SECRET.search(browser.get(MANAGE).text)
    token = db.session.scalars(select(ApiToken)).one()
    assert token.user_id == user.id
    assert token.scopes == Permission.GENERAL | Permission.MANAGE_USERS
    assert token.may_write
    assert tokens.find(secret) is token


def test_the_form_offers_what_the_user_may(app, make_user):
    browser = app.test_client()
    browser.enter(make_user())
    page = browser.get(f"{MANAGE}/new").text
    assert "Manage users" not in page
    assert ">never<" not in page
    refused = browser.submit(f"{MANAGE}/new", FORM | {"scopes": str(int(Permission.VIEW_AUDIT))})
    assert refused.status_code == 200
    assert db.session.scalars(select(ApiToken)).first() is None


def test_making_one_takes_a_fresh_sign_in(supporter):
    _user, browser = supporter
    db.session.execute(update(UserSession).values(authenticated_at=now() - timedelta(hours=1)))
    response = browser.get(f"{MANAGE}/new")
    assert response.status_code == 302
    assert "/account/reauthenticate" in response.location


def test_users_revoke_their_own(supporter, make_user):
    user, browser = supporter
    own, foreign = give_token(user), give_token(make_user(role="Administrator"))
    path = f"{MANAGE}/{{}}/revoke"
    assert browser.submit(path.format(foreign.token.id), form_at=MANAGE).status_code == 404
    assert browser.submit(path.format(own.token.id), form_at=MANAGE).status_code == 302
    assert tokens.find(own.secret) is None
    assert tokens.find(foreign.secret)
    assert "Ended in the last 30 days" in browser.get(MANAGE).text


@pytest.mark.parametrize("chosen", [True, False])
def test_signing_out_elsewhere_ends_them_if_so_chosen(app, supporter, chosen):
    user, browser = supporter
    app.test_client().enter(user)
    secret = give_token(user).secret
    page, box = "/account/manage/devices", {"end_api_tokens": "yes"} if chosen else {}
    assert "Revoke API tokens too" in browser.get(page).text
    browser.submit(f"{page}/end", {"session": "others"} | box, form_at=page)
    assert (tokens.find(secret) is None) == chosen


def test_administrators_see_and_revoke_tokens(app, admin, make_user):
    browser, user = app.test_client(), make_user()
    browser.enter(admin)
    made = give_token(user, name="Backup job")
    page = f"/admin/user/{user.id}"
    assert "Backup job" in browser.get(page).text
    response = browser.submit(f"/admin/api-tokens/{made.token.id}/revoke", form_at=page)
    assert response.location == page
    assert tokens.find(made.secret) is None
    assert "user-api-tokens" not in browser.get(page).text


def test_own_data_names_the_tokens_and_no_secret(app, make_user):
    user = make_user()
    made = give_token(user)
    facts = slots.facts_of(user)
    assert [one["name"] for one in facts] == ["Script"]
    assert made.token.secret_hash not in str(facts)
