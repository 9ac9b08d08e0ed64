"""AD-1: test that no change of a role leaves the app without an administrator."""

import pytest

from app.features.roles import editing
from app.services import policy
from tests.fixtures.last_administrator import role


def page_edits_the_role(last, _actor, browser, _app):
    values = editing.Values("Owner", "admin", 0x05, default=False)
    with pytest.raises(policy.LastAdministrator):
        editing.change(last.role, values, by=None)
    noted = browser.get(f"/admin/roles/{last.role_id}").text
    seen = noted.split('name="seen"')[1].split('value="')[1].split('"')[0]
    data = {
        "name": "Owner", "index": "admin", "permissions": ["1", "4"],
        "seen": seen.replace("&#34;", '"'),
    }  # fmt: skip
    page = browser.submit(f"/admin/roles/{last.role_id}", data).text
    promise = page.split('name="confirmed"')[1].split('value="')[1].split('"')[0]
    data["confirmed"] = promise.replace("&#34;", '"')
    return browser.submit(f"/admin/roles/{last.role_id}", data).text


def page_deletes_the_role(last, _actor, browser, _app):
    at = f"/admin/roles/{last.role_id}/delete"
    return browser.submit(at, {"role": str(role("User").id)}, follow_redirects=True).text


def oneself_deletes_the_role(last, _actor, _browser, app):
    own = app.test_client()
    own.enter(last)
    return page_deletes_the_role(last, last, own, app)


def oneself_edits_the_role(last, _actor, _browser, app):
    own = app.test_client()
    own.enter(last)
    return page_edits_the_role(last, last, own, app)


ACTIONS = [
    page_edits_the_role,
    page_deletes_the_role,
    oneself_edits_the_role,
    oneself_deletes_the_role,
]


@pytest.mark.parametrize("act", ACTIONS)
def test_the_last_administrator_survives(act, assert_survives):
    """AD-1"""
    assert_survives(act)


@pytest.mark.parametrize("act", ACTIONS)
def test_with_a_second_administrator_the_same_is_done(act, assert_done_with_a_second):
    """The actions above are refused only because they hit the last administrator."""
    assert_done_with_a_second(act)
