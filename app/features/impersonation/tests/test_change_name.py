"""Test a change of name during an impersonation."""

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features.impersonation import impersonation
from app.models import AuditEvent
from tests.support import PASSWORD

PATH = "/account/manage/change-name"


@pytest.fixture
def user(make_user):
    return make_user(first_name="Ada", last_name="Byron", email="ada@example.com")


@pytest.fixture
def browser(client, user):
    client.enter(user)
    return client


def rename(browser, first="Ada", last="Lovelace", **kwargs):
    return browser.submit(PATH, {"first_name": first, "last_name": last}, **kwargs)


def renamings():
    return db.session.scalars(select(AuditEvent).where(AuditEvent.action == "user.renamed")).all()


def test_a_name_changed_during_an_impersonation_is_recorded_under_both(client, admin, user):
    """SE-8: a name does not affect signing in, so it may change; the trail has both names."""
    client.enter(admin)
    client.submit(f"/admin/user/{user.id}/sign-in-as", {"password": PASSWORD})
    assert f'href="{PATH}"' in client.get("/account/manage").text
    assert rename(client).status_code == 302
    db.session.expire_all()
    assert user.full_name() == "Ada Lovelace"
    (event,) = renamings()
    assert (event.actor_id, event.acting_as_id) == (admin.id, user.id)
    assert impersonation.may_begin(user, by=admin)
