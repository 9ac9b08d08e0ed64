"""Test invitations with registration closed."""

from app import emails
from app.extensions import db
from tests.support import PASSWORD


def test_invitations_are_taken_up_where_they_are_the_only_way(client, make_user, app, monkeypatch):
    monkeypatch.setitem(app.config, "REGISTRATION", "invite-only")
    user = make_user(invited=True)
    link = f"/account/join-from-invite/{user.id}/{user.generate_invite_token()}"
    client.submit(link, {"password": PASSWORD, "password2": PASSWORD})
    client.sign_in(user.email)


def test_invitations_are_not_taken_up_where_all_is_closed(
    client, make_user, app, monkeypatch, outbox
):
    """A password reset does not help, because an invited user has no password yet."""
    monkeypatch.setitem(app.config, "REGISTRATION", "closed")
    user = make_user(invited=True)
    link = f"/account/join-from-invite/{user.id}/{user.generate_invite_token()}"
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
