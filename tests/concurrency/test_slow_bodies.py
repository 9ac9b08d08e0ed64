"""Bodies that arrive slowly or take long to parse do not block other requests."""

from tests.factories import make_user
from tests.slow_bodies import SlowBody, send, writer


def test_nobody_waits_for_a_form_that_arrives_slowly(race, racing_app, database):
    """F28: any signed-in user could otherwise block all writers."""
    browser = racing_app.test_client()
    browser.enter(make_user())
    path = "/account/manage/change-password"
    content = f"csrf_token={browser.csrf_token(path)}&old_password=no".encode()
    with writer(database) as can_write:
        body = SlowBody(content, can_write)
        send(browser, path, (body, len(content)), "application/x-www-form-urlencoded")
    assert body.answers
    assert all(body.answers)
