"""Test the dashboard of a user who may edit pages."""

from app.models import Permission


def test_a_site_without_the_about_page_has_no_link_to_it(someone_with, app, monkeypatch):
    """The dashboard called url_for for the view, which failed when the view was removed."""
    browser = someone_with(Permission.GENERAL | Permission.MANAGE_CONTENT)
    assert 'href="/about"' in browser.get("/admin/").text
    monkeypatch.delitem(app.view_functions, "main.about")
    page = browser.get("/admin/")
    assert page.status_code == 200
    assert 'href="/about"' not in page.text


def test_the_footer_leaves_out_a_page_that_the_app_does_not_have(client, app, monkeypatch):
    """Without the editable pages, every page was a 500."""
    monkeypatch.delitem(app.view_functions, "main.about")
    page = client.get("/")
    assert page.status_code == 200
    assert ">About</a>" not in page.text
