"""The panel of events on the page of a user."""

import html
import re

from app.services import users
from tests.factories import make_role


def test_the_page_of_a_user_shows_their_events(client, admin, make_user):
    user = make_user()
    users.change_role(user, role=make_role("Reporter", 0x01 | 0x20), by=admin)
    client.enter(admin)
    page = client.get(f"/admin/user/{user.id}").text
    shown = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())
    assert "Changed the role" in shown
    assert "Role: User Reporter" in shown
    assert f'href="/admin/audit?user={user.id}"' in page
