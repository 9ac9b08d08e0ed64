"""Saved views on the page of a list: saved, opened, changed, shared and deleted."""

import re
from html import unescape
from urllib.parse import quote

import pytest
from sqlalchemy import select

from app.decorators import permission_required
from app.extensions import db
from app.features.saved_views import services
from app.features.saved_views.models import SavedView
from app.features.saved_views.tests.lists import BROAD, LIST, asked, roles, save
from app.kit.database import now
from app.models import AuditEvent, Permission
from tests.factories import make_role
from tests.support import Browser, needs

pytestmark = pytest.mark.usefixtures("shown_list")

ACTION = re.compile(r'class="views-form" method="post" action="([^"]*)"')


@pytest.fixture
def member(client, make_user):
    """A user without a permission, who is signed in."""
    user = make_user(first_name="Grace", last_name="Hopper")
    client.enter(user)
    return user


@pytest.fixture
def other(app, make_user):
    """The browser of another user."""
    browser: Browser = app.test_client()
    browser.user = make_user(first_name="Ada", last_name="Lovelace")
    browser.enter(browser.user)
    return browser


def views():
    db.session.rollback()
    return db.session.scalars(select(SavedView).order_by(SavedView.id)).all()


def menu(page):
    """Return the menu of views of a page."""
    return page.split("views-menu", 1)[1].split("</details>", 1)[0]


def current(page):
    """Return the entries of the menu that are marked, without tags."""
    found = re.findall(r'aria-current="true">(.*?)</a>', menu(page), re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", " ", one).split()) for one in found]


def save_at(browser, url, **fields):
    """Send the form in the menu of a page."""
    page = browser.get(url).text
    path = unescape(ACTION.search(page)[1])
    return browser.post(path, data={"csrf_token": browser.csrf_token(url), **fields})


def edit_url(view, url=LIST, action=""):
    return f"/account/views/{view.id}{action}?list={quote(url)}"


def test_a_saved_view_keeps_the_list_and_is_marked(client, member):
    url = f"{LIST}?search=use&index=account&sort=-name&columns=permissions&per_page=25"
    answer = save_at(client, url, name="  Users   only ")
    (view,) = views()
    assert (view.name, view.owner_id, view.endpoint) == ("Users only", member.id, "account.index")
    assert not view.is_shared
    assert view.query == (
        "search=use&index=account&sort=-name&columns=name&columns=permissions&per_page=25"
    )
    assert answer.location == f"{LIST}?{view.query}"
    page = client.get(answer.location).text
    assert "The view “Users only” is saved." in page
    assert current(page) == ["Users only"]
    assert "Bits" in page
    plain = client.get(LIST).text
    assert f'href="{LIST}?{view.query}"'.replace("&", "&amp;") in menu(plain)
    assert current(plain) == ["All roles"]


def test_a_list_without_views_offers_to_save_one(client, member):
    page = menu(client.get(LIST).text)
    assert "Save this view" in page
    assert "Your views" not in page
    assert "All roles" not in page


def test_parameters_that_make_no_sense_are_not_saved(client, member):
    url = (
        f"{LIST}?search=a%00b&index=nowhere&sort=password&columns=salary&per_page=7&after=x&evil=1"
    )
    save_at(client, url, name="Odd")
    assert views()[0].query == f"search=ab&{BROAD}"


def test_a_stale_view_shows_the_plain_list_with_a_notice(client, member):
    view = save(member)
    view.query = "index=gone&sort=gone&columns=gone&per_page=7"
    db.session.commit()
    page = client.get(f"{LIST}?{view.query}").text
    assert "list-notices" in page
    assert "Administrator" in page


def test_a_name_is_needed_and_cleaned_as_other_names(client, member):
    for name in ("", "   ", "\u200b", "\u202eabc", "www.example.com", "x" * 65, "a\x07b"):
        answer = save_at(client, LIST, name=name)
        assert answer.status_code == 200, name
        assert "Save view" in answer.text
    assert views() == []
    save_at(client, LIST, name="x" * 64)
    save_at(client, LIST, name="<b>{{7*7}}</b>")
    assert [view.name for view in views()] == ["x" * 64, "<b>{{7*7}}</b>"]
    page = menu(client.get(LIST).text)
    assert "&lt;b&gt;{{7*7}}&lt;/b&gt;" in page


def test_a_name_is_taken_once_for_a_list(client, member, other):
    save(other.user, "Mine")
    save(member, "Mine")
    answer = save_at(client, LIST, name="Mine")
    assert "You have a view with this name." in answer.text
    assert len(views()) == 2


def test_a_list_holds_fifty_views_of_a_user(client, member, monkeypatch):
    monkeypatch.setattr(services, "MOST", 2)
    page = client.get(LIST).text
    path = unescape(ACTION.search(page)[1])
    save(member, "One")
    save(member, "Two")
    answer = client.post(path, data={"csrf_token": client.csrf_token(LIST), "name": "Three"})
    assert "Delete one first." in answer.text
    assert "views-form" not in client.get(LIST).text
    assert len(views()) == 2


def test_a_list_with_endless_parameters_is_not_saved(client, member, monkeypatch):
    monkeypatch.setattr(services, "LONGEST", 60)
    answer = save_at(client, f"{LIST}?search={'a' * 60}", name="Long")
    assert "too many filters" in answer.text
    assert views() == []


def test_private_views_are_for_their_owner_and_shared_ones_for_all(client, member, other):
    private, shared = save(other.user, "Secret"), save(other.user, "Common", shared=True)
    page = menu(client.get(LIST).text)
    assert "Secret" not in page
    assert "Common" in page
    assert "Ada Lovelace" in page
    for path in (edit_url(private), edit_url(private, action="/delete"), edit_url(shared)):
        assert client.get(path).status_code == 404
    assert edit_url(shared, action="/delete").split("?")[0] not in page
    assert client.get(edit_url(shared, action="/delete")).status_code == 404
    mine = menu(other.get(LIST).text)
    assert "Shared by others" not in mine
    assert mine.index("Common") < mine.index("Secret")


def test_a_member_cannot_put_a_view_into_the_menu_of_every_user(client, member, other):
    """The page of the list needs no permission, so a shared view would reach all users."""
    assert "is_shared" not in client.get(LIST).text
    save_at(client, LIST, name="Buy this", is_shared="y")
    (view,) = views()
    fields = {"csrf_token": client.csrf_token(LIST), "name": "Buy that", "is_shared": "y"}
    assert client.post(edit_url(view), data=fields).status_code == 302
    (view,) = views()
    assert (view.name, view.is_shared) == ("Buy that", False)
    assert "Buy that" not in menu(other.get(LIST).text)


@pytest.mark.parametrize("permission", [Permission.MANAGE_USERS, Permission.VIEW_AUDIT])
def test_managers_share_on_lists_of_members_and_others_where_a_permission_opens_the_list(
    app, client, member, permission, monkeypatch
):
    member.role = make_role("Shares", permissions=permission)
    if permission != Permission.MANAGE_USERS:
        page = app.view_functions["account.index"]
        page = permission_required(permission)(page)
        monkeypatch.setitem(app.view_functions, "account.index", page)
    save_at(client, LIST, name="Common", is_shared="y")
    assert [view.is_shared for view in views()] == [True]


def test_shared_views_of_a_deleted_user_are_hidden(client, member, other):
    save(other.user, "Common", shared=True)
    other.user.deleted_at = now()
    db.session.commit()
    assert "Common" not in menu(client.get(LIST).text)


def test_a_manager_of_users_deletes_a_shared_view(client, member, other):
    shared = save(other.user, "Common", shared=True)
    member.role = make_role("Manager", Permission.GENERAL | Permission.MANAGE_USERS)
    db.session.commit()
    path = edit_url(shared, action="/delete")
    assert path.split("?")[0] in menu(client.get(LIST).text)
    page = client.get(path)
    assert "shared by Ada Lovelace" in page.text
    answer = client.post(path, data={"csrf_token": client.csrf_token(LIST)})
    assert answer.location == LIST
    assert views() == []
    event = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert (event.action, event.subject_label) == ("view.deleted", "Common")
    assert event.details["owner"] == other.user.id


def test_a_view_is_renamed_shared_and_takes_over_the_list(client, member):
    member.role = make_role("Manager", permissions=Permission.MANAGE_USERS)
    view = save(member, "Old")
    save(member, "Taken")
    url = f"{LIST}?index=admin"
    page = client.get(edit_url(view, url)).text
    assert 'value="Old"' in page
    fields = {"csrf_token": client.csrf_token(LIST), "is_shared": "y"}
    refused = client.post(edit_url(view, url), data={**fields, "name": "Taken"})
    assert "You have a view with this name." in refused.text
    answer = client.post(edit_url(view, url), data={**fields, "name": "New", "takes_list": "y"})
    assert answer.location == f"{LIST}?index=admin&{BROAD}"
    changed = views()[0]
    assert (changed.name, changed.is_shared) == ("New", True)
    assert changed.query == f"index=admin&{BROAD}"
    event = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert event.changes == {"name": ["Old", "New"], "shared": [False, True]}
    again = client.get(edit_url(changed, f"{LIST}?index=admin")).text
    assert "Replace its search" not in again


def test_a_list_opens_with_the_view_that_is_its_start(client, member, other):
    save(member, "First", start=True, index="admin")
    start = save(member, "Second", start=True, index="account")
    assert [view.is_start for view in views()] == [False, True]
    page = client.get(LIST).text
    assert current(page) == ["Second Start"]
    assert "Administrator" not in page
    assert f'href="{LIST}?sort=-name&amp;' in page or "sort=-name" in page
    everything = client.get(f"{LIST}?{BROAD}").text
    assert current(everything) == ["All roles"]
    assert "Administrator" in everything
    # "Show all" leads to all rows, also where the URL has no other parameter.
    found = re.search(r'href="([^"]*)">Show all', client.get(f"{LIST}?index=account").text)
    assert "Administrator" in client.get(unescape(found[1])).text
    assert "Administrator" in other.get(LIST).text
    assert start.name == "Second"


def test_only_tables_that_the_user_may_open_are_saved(client, member, other):
    fields = {"csrf_token": client.csrf_token(LIST), "name": "Mine"}
    for endpoint in ("", "admin.index", "admin.roles", "nowhere", "account.login", "x" * 5_000):
        answer = client.post(f"/account/views/new?table={endpoint}", data=fields)
        assert answer.status_code == 404, endpoint
    hidden = SavedView(owner=member, endpoint="admin.roles", name="Once", query="")
    db.session.add(hidden)
    db.session.commit()
    assert client.get(edit_url(hidden)).status_code == 404


@pytest.mark.parametrize("url", ["//evil.example", "https://evil.example", "/\\evil", "", "x"])
def test_nothing_leads_to_another_site(client, member, url):
    fields = {"csrf_token": client.csrf_token(LIST), "name": "Mine"}
    path = f"/account/views/new?table=account.index&list={quote(url, safe='')}"
    assert client.post(path, data=fields).location == f"{LIST}?{BROAD}"


def test_erasing_a_user_erases_their_views(member, other):
    save(member)
    save(other.user, shared=True)
    db.session.delete(member)
    db.session.commit()
    assert [view.owner_id for view in views()] == [other.user.id]


def test_a_view_is_read_in_the_order_of_names(member):
    for name in ("b", "a", "c"):
        save(member, name)
    own, shared = services.of_table(roles, member)
    assert [view.name for view in own] == ["a", "b", "c"]
    assert shared == []
    assert services.query_of(asked()) == BROAD


@needs("user_search")
def test_the_list_of_users_keeps_chosen_columns_beside_a_start(client, admin):
    client.enter(admin)
    save_at(client, "/admin/users?columns=name&per_page=25", name="Names", is_start="y")
    assert current(client.get("/admin/users").text) == ["Names Start"]
    chosen = client.submit(
        "/admin/users/columns",
        {"columns": ["name", "role"], "per_page": "100"},
        form_at="/admin/users",
    )
    page = client.get(chosen.location).text
    assert 'data-label="Role"' in page
    assert current(page) == ["All people"]
    usual = re.search(r'href="([^"]*)" aria-current="true">All people', page)[1]
    assert current(client.get(unescape(usual)).text) == ["All people"]
