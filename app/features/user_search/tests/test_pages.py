"""Test the list of users: as a page, without scripts, and as a file."""

import csv
import io
import re
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features import user_search
from app.features.user_search.admin import Shown
from app.features.user_search.services import totals
from app.kit.database import now
from app.kit.tables import asked
from app.kit.tables.table import PER_PAGE_CHOICES
from app.models import AuditEvent, Permission, Role
from tests import factories
from tests.support import module_of, needs

LIST, EXPORT = "/admin/users", "/admin/users/export.csv"


def role(name):
    return db.session.scalar(select(Role).where(Role.name == name))


def rows(page):
    """Return the emails in the order of the list."""
    found = re.findall(
        r'class="row-link"[^>]*>([^<]+)</a>(?:<span class="person-sub">([^<]+)<)?', page.text
    )
    return [address or name for name, address in found]


def link(page, rel):
    """Return the URL of a link to another page, or None."""
    found = re.search(rf'rel="{rel}" href="([^"]+)"', page.text)
    return found and found.group(1).replace("&amp;", "&")


@pytest.fixture
def people(make_user):
    return [
        make_user(first_name="Ada", last_name="Lovelace", email="ada@example.com"),
        make_user(first_name="Grace", last_name="Hopper", email="grace@example.org"),
        make_user(first_name="Alan", last_name="Turing", email="alan_100%@example.com"),
        make_user(
            first_name="Edsger", last_name="Dijkstra", email="ewd@example.com", role="Administrator"
        ),
    ]  # fmt: skip


# Search


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"search": "ada"}, {"ada@example.com"}),
        ({"search": "LOVE"}, {"ada@example.com"}),
        ({"search": "example.org"}, {"grace@example.org"}),
        ({"search": "grace hopper"}, {"grace@example.org"}),
        ({"search": "hopper  GRACE "}, {"grace@example.org"}),
        ({"search": "ada hopper"}, set()),
        ({"search": "100%"}, {"alan_100%@example.com"}),
        ({"search": "n_1"}, {"alan_100%@example.com"}),
        ({"search": "\\"}, set()),
        ({"search": "' OR 1=1 --"}, set()),
        ({"search": "ad\0a"}, {"ada@example.com"}),
        ({"search": "x" * 10_000}, set()),
        ({"search": "gr " * 500}, {"grace@example.org"}),
        ({"search": "ada", "role": "User"}, {"ada@example.com"}),
        ({"search": "ewd", "role": "User"}, set()),
        ({"role": "Administrator"}, {"ewd@example.com", "admin@example.com"}),
        ({"status": "suspended"}, set()),
        ({"created_to": "2020-01-01"}, set()),
    ],
)  # fmt: skip
def test_the_list_is_searched_and_filtered(browser, people, admin, query, found):
    admin.first_name, admin.last_name = "Root", "Root"
    db.session.commit()
    if "role" in query:
        query = {**query, "role": role(query["role"]).id}
    page = browser.get(LIST, query_string=query)
    assert set(rows(page)) == found
    assert ("Nobody matches" in page.text) == (not found)


@pytest.mark.parametrize(
    ("sort", "key"),
    [
        ("name", lambda user: (user.last_name, user.first_name)),
        ("email", lambda user: user.email),
        ("created_at", lambda user: (user.created_at, user.id)),
    ],
)
def test_the_list_is_sorted_both_ways(browser, people, admin, sort, key):
    expected = [user.email for user in sorted(people, key=key)]
    for query, order in (
        ({"sort": sort}, expected),
        ({"sort": f"-{sort}"}, expected[::-1]),
        ({"sort": sort, "search": "example"}, expected),
    ):
        shown = rows(browser.get(LIST, query_string=query))
        assert [email for email in shown if email != admin.email] == order


@pytest.mark.parametrize(
    "sort", ["password_hash", "--email", "-", "email;", "id", "-id", "role_id"]
)
def test_the_list_is_not_sorted_by_what_it_does_not_show(browser, people, sort):
    """AZ-2: the order would reveal something about hashes."""
    page = browser.get(LIST, query_string={"sort": sort})
    assert page.status_code == 200
    assert "cannot be sorted" in page.text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"role": "99"}, "no such role"),
        ({"role": "1" + "0" * 20}, "no such role"),
        ({"status": "<b>"}, "no such status"),
        ({"created_from": "2026-99-99"}, "not a date"),
        ({"seen_from": "2026-02-02", "seen_to": "2026-01-01"}, "end before they begin"),
        ({"per_page": "1000000"}, "25, 50 or 100"),
        ({"after": "nonsense"}, "not in this list"),
        ({"before": "nonsense"}, "not in this list"),
    ],
)
def test_invalid_filters_show_every_user_and_a_notice(browser, people, query, said):
    """IN-1"""
    page = browser.get(LIST, query_string=query)
    assert page.status_code == 200
    assert said in page.text
    assert len(rows(page)) == 5


@pytest.mark.timing
@pytest.mark.parametrize("page", ["-1", "0", "abc", "1" + "0" * 20, "9" * 5000, "１", "1.5"])
def test_any_page_number_is_answered_quickly(browser, people, page):
    """IN-2, F33: pages have no numbers, so none can be skipped."""
    started = time.perf_counter()
    query = {"page": page, "per_page": "100000000", "last": page, "after": page}
    response = browser.get(LIST, query_string=query)
    assert response.status_code == 200
    assert time.perf_counter() - started < 1


def test_pages_hold_every_person_once(browser, make_user, monkeypatch):
    """IN-2"""
    monkeypatch.setattr(asked, "PER_PAGE_CHOICES", (4, 50, 100))
    made = {make_user(first_name="Same", last_name="Name").email for _ in range(10)}
    place, seen = f"{LIST}?sort=name&per_page=4", []
    while place:
        page = browser.get(place)
        assert len(rows(page)) <= 4
        seen += rows(page)
        place = link(page, "next")
    assert len(seen) == len(set(seen)) == 11
    assert made < set(seen)
    assert rows(browser.get(link(page, "first"))) == seen[:4]
    assert rows(browser.get(f"{LIST}?sort=name&per_page=4&last=1")) == seen[-4:]
    assert link(page, "last") is None


def test_the_links_of_the_list_keep_what_was_asked_for_and_escape_it(browser, people):
    """XS-2"""
    hostile = '"><script>alert(1)</script>&role=x'
    page = browser.get(LIST, query_string={"search": hostile, "sort": "email"})
    assert hostile not in page.text
    assert "<script>alert" not in page.text
    assert "&#34;&gt;&lt;script&gt;" in page.text


def test_links_carry_filters_order_and_size(browser, make_user, monkeypatch):
    monkeypatch.setattr(asked, "PER_PAGE_CHOICES", (4, 50, 100))
    for _ in range(5):
        make_user()
    query = {"search": "example.com", "status": "active", "sort": "-email", "per_page": "4"}
    page = browser.get(LIST, query_string=query)
    kept = parse_qs(urlsplit(link(page, "next")).query)
    assert kept.pop("after")
    assert kept == {name: [value] for name, value in query.items()}


def test_totals_say_whether_they_are_exact(browser, people, monkeypatch):
    assert "<strong>5</strong> people" in browser.get(LIST).text
    for name in ("CAP", "FEW", "FEWEST"):
        monkeypatch.setattr(totals, name, 3)
    page = browser.get(LIST, query_string={"search": "example"}).text
    assert re.search(r"<strong>About \d+</strong> people match", page)
    assert "Too many people match to sort them" in page


def test_one_person_matches_and_two_match(browser, people):
    for search, words in (
        ("grace", "1</strong> person matches"),
        ("ada", "2</strong> people match"),
    ):
        assert words in browser.get(LIST, query_string={"search": search}).text


def test_a_user_without_a_name_is_shown_once_by_email(browser, make_user):
    make_user(first_name="", last_name="", email="nameless@example.net")
    page = browser.get(LIST, query_string={"search": "nameless"}).text
    assert page.count(">nameless@example.net<") == 1


def test_no_action_is_offered_on_users_with_more_permissions(client, people, make_user):
    """AZ-4"""
    factories.make_role("Keeper", Permission.GENERAL | Permission.MANAGE_USERS)
    keeper = make_user(role="Keeper")
    client.enter(keeper)
    page = client.get(LIST)
    assert rows(page)
    for row in re.findall(r'<tr role="row">.*?</tr>', page.text, re.DOTALL)[1:]:
        is_above = "ewd@example.com" in row
        if module_of("bulk"):
            assert ('name="user_ids"' in row) != is_above, row
        assert ('class="menu-panel"' in row) != is_above, row


def test_the_list_shows_no_hash(browser, people):
    """AZ-2"""
    page = browser.get(LIST).text
    assert "argon2" not in page
    assert people[0].password_hash not in page


@needs("deletion")
def test_deleted_people_are_shown_only_when_asked_for(browser, make_user):
    gone = make_user(first_name="Long", last_name="Gone", deleted_at=now())
    assert gone.email not in browser.get(LIST).text
    page = browser.get(LIST, query_string={"status": "deleted"})
    assert rows(page) == [gone.email]
    assert f"/admin/user/{gone.id}/restore" in page.text


def test_names_are_shown_as_typed(browser, make_user):
    """XS-1"""
    make_user(first_name="<i>Ada</i>", last_name="{{ 7 * 7 }}", email="<b>@example.com")
    page = browser.get(LIST).text
    assert "<i>" not in page
    assert "<b>@" not in page
    assert "&lt;i&gt;Ada&lt;/i&gt; {{ 7 * 7 }}" in page


# Columns and rows per page


def test_chosen_columns_and_sizes_are_remembered_on_this_browser(browser, people):
    page = browser.get(LIST).text
    assert "Last seen</a>" in page
    answer = browser.submit(
        "/admin/users/columns?search=ada&sort=email",
        {"per_page": "25", "columns": ["status"]},
        form_at=LIST,
    )
    assert answer.status_code == 302
    assert answer.location == f"{LIST}?search=ada&sort=email"
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    page = browser.get(LIST).text
    assert "Last seen</a>" not in page
    assert "Status</a>" in page
    assert "<option selected>25</option>" in page


@pytest.mark.parametrize(
    "text", ["", "x", "50", "7-role", "50-role-password_hash-id", "-", "50--", "é", "1" * 5000]
)
def test_an_invalid_cookie_changes_nothing_much(text):
    """IN-1"""
    shown = Shown.read(text)
    assert shown.per_page in PER_PAGE_CHOICES
    assert set(shown.columns) <= {"role", "status", "created_at", "last_seen_at"}
    assert Shown.read(shown.write()) == shown


# Export


def exported(browser, **query):
    response = browser.get(EXPORT, query_string=query)
    assert response.status_code == 200
    text = response.data.decode("utf-8-sig")
    return response, list(csv.reader(io.StringIO(text, newline="")))


def test_the_file_holds_the_whole_list_in_its_order(browser, people, admin):
    response, lines = exported(browser, sort="email")
    assert lines[0] == [
        *("Email", "First name", "Last name", "Role", "Status"),
        *("Joined (UTC)", "Last seen (UTC)"),
    ]
    emails = [line[0] for line in lines[1:]]
    assert set(emails) == {admin.email, *(user.email for user in people)}
    assert emails == rows(browser.get(LIST, query_string={"sort": "email"}))
    ada = next(line for line in lines if line[0] == "ada@example.com")
    assert ada[1:5] == ["Ada", "Lovelace", "User", "active"]
    assert ada[5] == f"{people[0].created_at:%Y-%m-%d %H:%M:%S}"
    assert ada[6] == ""
    assert response.data.startswith(b"\xef\xbb\xbf")
    assert response.data.count(b"\r\n") == len(lines)
    assert response.mimetype == "text/csv"
    assert response.headers["Cache-Control"] == "no-store"
    assert re.fullmatch(
        r'attachment; filename="people-\d{4}-\d\d-\d\d\.csv"',
        response.headers["Content-Disposition"],
    )


@pytest.mark.parametrize("sort", [*user_search.SORTS, *(f"-{sort}" for sort in user_search.SORTS)])
def test_the_file_has_the_order_of_the_pages(browser, people, make_user, sort):
    for number in range(4):
        make_user(last_seen_at=now() if number % 2 else None, suspended=number == 1)
    people[1].role = None
    db.session.commit()
    _response, lines = exported(browser, sort=sort)
    assert [line[0] for line in lines[1:]] == rows(browser.get(LIST, query_string={"sort": sort}))


def test_the_file_holds_the_users_that_the_filters_leave(browser, people):
    _response, lines = exported(browser, search="example", role=role("Administrator").id)
    assert {line[0] for line in lines[1:]} == {"ewd@example.com", "admin@example.com"}
    _response, lines = exported(browser, search="nobody at all")
    assert len(lines) == 1
    _response, lines = exported(browser, search="100%", status="active", created_from="2020-01-01")
    assert [line[0] for line in lines[1:]] == ["alan_100%@example.com"]


@pytest.mark.parametrize(
    "start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", " ="]
)
def test_no_cell_is_a_formula(browser, make_user, start):
    """XS-4"""
    value = f"{start}1+1"
    make_user(first_name=value, last_name=f'say "{value}", x', email="formula@example.com")
    _response, lines = exported(browser, search="formula@")
    assert lines[1][1].replace("\r\n", "\n") == f"'{value}".replace("\r\n", "\n")
    assert lines[1][2].replace("\r\n", "\n") == f'say "{value}", x'.replace("\r\n", "\n")


def test_no_cell_is_a_formula_where_semicolons_separate(browser, make_user):
    """XS-4: in much of Europe, Excel separates cells at semicolons, not at commas."""
    make_user(first_name="x;=1+1;y", last_name='say "x";@z', email="semi@example.com")
    make_user(first_name="=a;-1", last_name="Plain", email="semi.too@example.com")
    _response, lines = exported(browser, search="semi", sort="email")
    assert lines[1][:3] == ["semi.too@example.com", "'=a;'-1", "Plain"]
    assert lines[2][:3] == ["semi@example.com", "x;'=1+1;y", 'say "x";\'@z']


def test_a_look_at_the_head_of_the_file_takes_nothing_away(browser, people):
    response = browser.head(EXPORT)
    assert response.status_code == 200
    assert response.headers["Content-Disposition"].startswith("attachment")
    events = select(AuditEvent).where(AuditEvent.action == "user.exported")
    assert not db.session.scalars(events).all()


def test_an_export_is_in_the_audit_trail(browser, people, admin):
    exported(browser, search="ada@", sort="name")
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "user.exported")).one()
    assert event.actor_id == admin.id
    assert event.details == {"filter": {"search": "ada@"}, "sort": "name", "people": 1}


def test_an_export_asks_for_the_password_again(client, admin, app, monkeypatch):
    client.enter(admin)
    monkeypatch.setitem(app.config, "REAUTHENTICATION_WINDOW", -1)
    answer = client.get(EXPORT)
    assert answer.status_code == 302
    assert "/account/reauthenticate" in answer.location


def test_an_export_needs_the_permission(client, make_user):
    """AZ-1"""
    user = make_user()
    user.role = factories.make_role("Operator", permissions=0x01 | 0x02 | 0x08)
    db.session.commit()
    client.enter(user)
    for path in (EXPORT, LIST):
        assert client.get(path).status_code == 403
    assert db.session.scalar(select(AuditEvent).where(AuditEvent.action == "user.exported")) is None
