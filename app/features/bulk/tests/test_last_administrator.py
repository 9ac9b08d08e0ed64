"""AD-1: test that no bulk action leaves the app without an administrator."""

import pytest

from app.features import bulk
from tests.fixtures.last_administrator import role
from tests.support import module_of


def _bulk(last, actor, action, **options):
    operation = bulk.preview(action, by=actor, user_ids=[last.id, actor.id], **options)
    bulk.confirm(operation, by=actor)
    bulk.run_some(operation.id)


def bulk_suspends(last, actor, _browser, _app):
    _bulk(last, actor, "suspend")


def bulk_deletes(last, actor, _browser, _app):
    _bulk(last, actor, "delete")


def bulk_demotes(last, actor, _browser, _app):
    _bulk(last, actor, "change_role", role=role("User"))


ACTIONS = [bulk_suspends, bulk_demotes, *([bulk_deletes] if module_of("deletion") else [])]


@pytest.mark.parametrize("act", ACTIONS)
def test_the_last_administrator_survives(act, assert_survives):
    """AD-1"""
    assert_survives(act)


@pytest.mark.parametrize("act", ACTIONS)
def test_with_a_second_administrator_the_same_is_done(act, assert_done_with_a_second):
    """The actions above are refused only because they hit the last administrator."""
    assert_done_with_a_second(act)
