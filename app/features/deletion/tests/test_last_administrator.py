"""AD-1: the last administrator who can sign in cannot be deleted."""

import pytest

from app.features.deletion import deletions
from app.services import policy
from tests.support import PASSWORD


def page_deletes(last, _actor, browser, _app):
    at = f"/admin/user/{last.id}/delete"
    return browser.submit(at, form_at="/", follow_redirects=True).text


def oneself_leaves(last, _actor, _browser, _app):
    with pytest.raises(policy.LastAdministrator):
        deletions.delete_oneself(last, password=PASSWORD)


ACTIONS = [page_deletes, oneself_leaves]


@pytest.mark.parametrize("act", ACTIONS)
def test_the_last_administrator_survives(act, assert_survives):
    """AD-1"""
    assert_survives(act)


@pytest.mark.parametrize("act", ACTIONS)
def test_with_a_second_administrator_the_same_is_done(act, assert_done_with_a_second):
    """The actions above are refused only because they affect the last administrator."""
    assert_done_with_a_second(act)


def test_a_suspended_administrator_may_be_deleted_while_another_remains(browser, make_user):
    """AD-1"""
    other = make_user(role="Administrator", suspended=True)
    browser.submit(f"/admin/user/{other.id}/delete", form_at="/")
    assert other.is_deleted
