"""AD-1: after any action, an administrator who can sign in remains."""

import pytest

from app.services import policy, roles, users
from tests.fixtures.last_administrator import role


def page_demotes(last, _actor, browser, _app):
    at = f"/admin/user/{last.id}/change-account-type"
    return browser.submit(at, {"role": str(role("User").id)}, follow_redirects=True).text


def page_suspends(last, _actor, browser, _app):
    at = f"/admin/user/{last.id}/suspend"
    return browser.submit(at, form_at="/", follow_redirects=True).text


def service_demotes(last, actor, _browser, _app):
    with pytest.raises(policy.LastAdministrator):
        users.change_role(last, role=role("User"), by=actor)


def command_demotes(last, _actor, _browser, _app):
    with pytest.raises(policy.LastAdministrator):
        users.change_role(last, role=role("User"), by=None)


def setup_prod(_last, _actor, _browser, app):
    result = app.test_cli_runner().invoke(args=["setup_prod"])
    assert result.exit_code == 0, result.output


def release_puts_the_roles_right(_last, _actor, _browser, _app):
    roles.insert()


REFUSED = [
    page_demotes,
    page_suspends,
    service_demotes,
    command_demotes,
]


@pytest.mark.parametrize("act", [*REFUSED, setup_prod, release_puts_the_roles_right])
def test_the_last_administrator_survives(act, assert_survives):
    """AD-1"""
    assert_survives(act)


@pytest.mark.parametrize("act", REFUSED)
def test_with_a_second_administrator_the_same_is_done(act, assert_done_with_a_second):
    """Each action above is refused only because it affects the last administrator."""
    assert_done_with_a_second(act)
