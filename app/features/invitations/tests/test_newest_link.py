"""Test that only the newest link of an invitation works."""

from app.features.invitations import invitations
from app.features.invitations.links import invite_token
from tests.contracts.test_routes import dump
from tests.support import links, path_of


def delivered_links(outbox, kind):
    return [path_of(links(mail.get_body(("plain",)).get_content())[0]) for mail in outbox.deliver()
            if kind in mail.get_body(("plain",)).get_content()]  # fmt: skip


def test_only_the_newest_invitation_works(client, make_user, admin, outbox):
    """TK-1"""
    user = make_user(invited=True)
    for _ in range(2):
        invitations.resend(user, by=admin)
        outbox.deliver()
    first, second = delivered_links(outbox, "join-from-invite")
    assert client.get(first).status_code == 404
    assert client.get(second).status_code == 200


def test_a_link_of_one_user_is_none_for_another(app, make_user):
    """TK-4, AZ-2: the token holds the user's id, so the id in the URL does not decide."""
    invited, other = make_user(invited=True), make_user(invited=True)
    browser = app.test_client()
    token = invite_token(invited)
    assert browser.get(f"/account/join-from-invite/{other.id}/{token}").status_code == 404
    assert not other.accepts("invite", token)


def test_no_link_of_an_invitation_lies_in_the_database(make_user, admin, outbox):
    """TK-6: neither before nor after the mail is sent."""
    invitations.resend(make_user(invited=True), by=admin)
    before = str(dump())
    (link,) = delivered_links(outbox, "join-from-invite")
    token = link.rpartition("/")[2]
    assert token not in before
    assert token not in str(dump())
    assert token.rpartition(".")[2] not in str(dump())
