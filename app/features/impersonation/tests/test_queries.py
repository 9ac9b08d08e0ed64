"""Test the number of queries per request during an impersonation."""

from tests.support import PASSWORD


def test_only_who_is_signed_in_as_someone_needs_a_second_query(
    admin, make_user, signed_in, statements
):
    browser = signed_in(admin)
    browser.submit(f"/admin/user/{make_user().id}/sign-in-as", {"password": PASSWORD})
    statements.clear()

    assert "signed in as" in browser.get("/").text

    assert len(statements) == 2
