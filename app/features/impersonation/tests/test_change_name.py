"""Test a change of name during an impersonation."""

from sqlalchemy import select

from app.extensions import db
from app.features.impersonation import impersonation
from app.models import AuditEvent
from tests.support import PASSWORD

PATH = "/account/manage/change-name"


def test_a_name_changed_during_an_impersonation_is_recorded_under_both(client, admin, make_user):
    """SE-8: a name does not affect signing in, so it may change; the trail has both names."""
    user = make_user(first_name="Ada", last_name="Byron")
    client.enter(admin)
    client.submit(f"/admin/user/{user.id}/sign-in-as", {"password": PASSWORD})
    assert f'href="{PATH}"' in client.get("/account/manage").text
    client.submit(PATH, {"first_name": "Ada", "last_name": "Lovelace"})
    db.session.expire_all()
    assert user.full_name() == "Ada Lovelace"
    event = db.session.scalars(select(AuditEvent).filter_by(action="user.renamed")).one()
    assert (event.actor_id, event.acting_as_id) == (admin.id, user.id)
    assert impersonation.may_begin(user, by=admin)
