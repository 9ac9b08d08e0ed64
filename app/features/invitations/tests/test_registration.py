"""Test invitations with registration closed."""

from app.extensions import db
from app.features.invitations import emails
from app.features.invitations.links import invite_token
from tests.support import PASSWORD


def test_invitations_are_taken_up_where_they_are_the_only_way(client, make_user, app, monkeypatch):
    monkeypatch.setitem(app.config, "REGISTRATION", "invite-only")
    user = make_user(invited=True)
    link = f"/account/join-from-invite/{user.id}/{invite_token(user)}"
    client.submit(link, {"password": PASSWORD, "password2": PASSWORD})
    client.sign_in(user.email)


def test_invitations_are_not_taken_up_where_all_is_closed(
    client, make_user, app, monkeypatch, outbox
):
    """A password reset does not help, because an invited user has no password yet."""
    monkeypatch.setitem(app.config, "REGISTRATION", "closed")
    user = make_user(invited=True)
    link = f"/account/join-from-invite/{user.id}/{invite_token(user)}"
    reset = f"/account/reset-password/{user.generate_password_reset_token()}"
    new = {"password": PASSWORD, "new_password": PASSWORD, "new_password2": PASSWORD}
    token = client.csrf_token()
    assert "takes no new people" in client.get(link).text
    for path in (link, reset):
        response = client.post(path, data={**new, "password2": PASSWORD, "csrf_token": token})
        assert response.status_code in {403, 404}
    db.session.refresh(user)
    assert user.password_hash is None
    emails.send_invite(user)
    db.session.commit()
    assert outbox.deliver() == []


def test_the_page_to_accept_is_for_visitors_and_the_unconfirmed(app):
    view = app.view_functions["account.join_from_invite"]
    assert view.open_to == {"unconfirmed", "impersonating"}
