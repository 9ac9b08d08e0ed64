"""Test that no bulk action reaches users with more permissions than the manager."""

import itertools

from app.features import bulk
from app.services import user_changes
from tests.higher_users import higher_users, manager, stored_of

__all__ = ["higher_users", "manager"]


def test_nothing_done_to_many_reaches_higher_users(manager, higher_users):
    """AZ-2, AZ-4: users picked by id or by a filter, in any state."""
    browser, user = manager
    token = browser.csrf_token("/")
    before = stored_of(higher_users)
    ids = [str(person.id) for person in higher_users]
    actions = {*bulk.ACTIONS} & {*user_changes.BY_NAME} - {"change_role"}
    selections = ({"everyone": "1"}, {"everyone": "1", "status": "deleted"}, {"user_ids": ids})
    for action, chosen in itertools.product([*actions, f"change_role:{user.role_id}"], selections):
        sent = {"csrf_token": token, "action": action, **chosen}
        preview = browser.post("/admin/users/bulk", data=sent).location
        assert "/users/bulk/" in preview
        assert browser.post(preview, data={"csrf_token": token}).status_code in {200, 302}
    assert stored_of(higher_users)[:2] == before[:2]
