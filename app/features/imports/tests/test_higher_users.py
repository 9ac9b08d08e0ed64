"""Test that no import changes users with more permissions than the manager."""

from app.features.imports.tests.access import NEW, upload
from app.kit import imports
from tests.higher_users import higher_users, manager, stored_of

__all__ = ["higher_users", "manager"]


def test_no_import_reaches_higher_users(manager, higher_users):
    """AZ-2, AZ-4"""
    browser, user = manager
    before = stored_of(higher_users)
    lines = [f"{person.email},Taken,{user.role.name}" for person in higher_users]
    row = upload(browser, "Email,First name,Role\n" + "\n".join(lines))
    columns = {"email": 0, "first_name": 1, "role": 2}
    imports.choose(
        row,
        mapping=columns,
        has_header=True,
        mode=NEW,
        update_existing=True,
        role_id=user.role_id,
        by=user,
    )
    token = browser.csrf_token("/")
    run = f"/admin/users/import/{row.id}/run?check={row.checks}&keep_good=1"
    assert browser.post(run, data={"csrf_token": token}).status_code == 302
    assert stored_of(higher_users) == before
