"""Users say who they are and how times are written for them, and may show a page to everyone."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import g
from sqlalchemy import select

from app.extensions import db
from app.features.profile.models import Profile
from app.features.profile.services import profiles
from app.features.profile.tests.access import give_picture
from app.kit.database import now
from app.kit.web.times import ReaderTimes, ago, day
from app.models import AuditEvent

PAGE = "/account/manage/profile"
FACTS = {
    "display_name": "Ada L.",
    "about": "First line.\r\n<script>alert(1)</script>",
    "location": "London",
    "website": "https://example.com/?a=1&b=2",
    "time_zone": "Europe/Berlin",
    "date_format": "dots",
}
TIME = re.compile(r'<time class="time" datetime="([^"]*)" title="([^"]*)">([^<]*)<')


@pytest.fixture
def user(make_user):
    joined = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)
    return make_user(first_name="Ada", last_name="Lovelace", created_at=joined)


@pytest.fixture
def mine(signed_in, user):
    return signed_in(user)


@pytest.fixture
def pages_of_members(app, monkeypatch):
    monkeypatch.setitem(app.config, "MEMBER_PAGES", True)


def save(browser, **changes):
    return browser.submit(PAGE, FACTS | changes, form_at=PAGE, follow_redirects=True)


def test_facts_are_saved_and_shown_again(mine, user):
    assert "Your profile is changed." in save(mine).text
    profile = db.session.get(Profile, user.id)
    assert profile.about == "First line.\n<script>alert(1)</script>"
    page = mine.get(PAGE).text
    assert 'value="Ada L."' in page
    assert "&lt;script&gt;" in page
    (berlin,) = re.findall(r"<option[^>]*>Berlin<", page)
    assert "selected" in berlin
    assert "Your profile is changed." not in save(mine).text


def test_an_event_names_the_facts_and_holds_none(mine):
    save(mine)
    query = select(AuditEvent).where(AuditEvent.action == "user.profile_changed")
    event = db.session.scalars(query).one()
    text = str({column.name: getattr(event, column.key) for column in AuditEvent.__table__.columns})
    assert "display_name, about, location, website, time_zone, date_format" in text
    assert "example.com/" not in text
    assert "London" not in text


@pytest.mark.parametrize(
    "changes",
    [
        {"website": "javascript:alert(1)"},
        {"website": "ftp://example.com"},
        {"website": "https://user:word@example.com"},
        {"website": "https://example.com/a b"},
        {"website": "https://" + "a" * 3000},
        {"website": "//example.com"},
        {"website": "https://example.com/\u202emoc.elgoog"},
        {"display_name": "x" * 65},
        {"display_name": "www.example.com"},
        {"display_name": "\u202eabc"},
        {"about": "x" * 1001},
        {"about": "\0"},
        {"location": "a\nb"},
        {"time_zone": "Europe/Atlantis"},
        {"time_zone": "../../etc/passwd"},
        {"date_format": "%s"},
    ],
)
def test_a_fact_that_does_not_fit_is_refused(mine, user, changes):
    answer = save(mine, **changes)
    assert 'class="error-summary"' in answer.text
    assert db.session.get(Profile, user.id) is None


def test_times_are_shown_in_the_zone_of_the_reader(mine, user):
    (given, title, words) = TIME.search(mine.get("/account/manage").text).groups()
    assert (given, words) == ("2026-01-31T23:30:00+00:00", "31 Jan 2026")
    assert title == "31 January 2026 at 23:30 UTC"
    save(mine)
    (given, title, words) = TIME.search(mine.get("/account/manage").text).groups()
    assert (given, words) == ("2026-01-31T23:30:00+00:00", "1.2.2026")
    assert title == "1.2.2026 at 00:30 CET, 31.1.2026 at 23:30 UTC"


def test_times_cost_no_query(mine, statements):
    save(mine)
    statements.clear()
    mine.get("/account/manage")
    assert len(statements) == 1


@pytest.mark.parametrize(
    ("key", "long", "short"),
    [
        ("", "1 February 2026", "1 Feb 2026"),
        ("month_first", "February 1, 2026", "Feb 1, 2026"),
        ("iso", "2026-02-01", "2026-02-01"),
        ("dots", "1.2.2026", "1.2.2026"),
        ("slashes", "01/02/2026", "01/02/2026"),
    ],
)
def test_each_format_of_dates(key, long, short):
    times = ReaderTimes(date_format=key)
    assert (
        times.long(datetime(2026, 2, 1, tzinfo=UTC)),
        times.short(datetime(2026, 2, 1, tzinfo=UTC)),
    ) == (long, short)


def test_a_date_without_a_time_has_the_format_of_the_reader_and_no_zone(app):
    with app.test_request_context():
        g.readers_times = ReaderTimes(date_format="dots")
        assert day(date(2026, 2, 1)) == "1.2.2026"


def test_a_zone_that_the_machine_lost_means_utc(app, user, mine):
    save(mine)
    db.session.get(Profile, user.id).time_zone = "Europe/Atlantis"
    db.session.commit()
    assert "23:30 UTC" in mine.get("/account/manage").text


def test_times_outside_of_a_request_are_utc():
    assert "UTC" in day(now())
    assert "just now" in ago(now() - timedelta(seconds=1))


# The page of a member


def test_a_member_shows_a_page_to_everyone(pages_of_members, mine, user, client):
    give_picture(user)
    path = f"/members/{user.id}"
    save(mine)
    assert client.get(path).status_code == 404
    save(mine, is_public="y")
    page = client.get(path).text
    assert "<h1>Ada L.</h1>" in page
    assert user.email not in page
    assert "First line.\n&lt;script&gt;" in page
    link = '<a href="https://example.com/?a=1&amp;b=2" rel="nofollow noopener noreferrer">'
    assert link in page
    picture = re.search(r'src="(/pictures/[^"]*)"', page).group(1)
    answer = client.get(picture)
    assert answer.status_code == 200
    answer.close()
    assert path in mine.get(PAGE).text


@pytest.mark.parametrize("state", ["suspended_at", "deleted_at", "confirmed"])
def test_the_page_of_a_closed_account_is_gone(pages_of_members, user, client, state):
    give_picture(user)
    profiles.change(user, {"is_public": True}, by=user)
    name = db.session.get(Profile, user.id).picture_name
    setattr(user, state, False if state == "confirmed" else now())
    db.session.commit()
    assert client.get(f"/members/{user.id}").status_code == 404
    assert client.get(f"/pictures/{name}/64.webp").status_code == 404


def test_pages_of_members_are_off_unless_a_setting_says_so(mine, user, client):
    assert "is_public" not in mine.get(PAGE).text
    save(mine, is_public="y")
    assert db.session.get(Profile, user.id).is_public is False
    profiles.change(user, {"is_public": True}, by=user)
    assert client.get(f"/members/{user.id}").status_code == 404
    assert client.get("/members/99999999999999").status_code == 404


def test_a_user_without_a_name_has_a_page_without_the_email(pages_of_members, make_user, client):
    user = make_user(first_name="", last_name="", email="secret@example.com")
    profiles.change(user, {"is_public": True}, by=user)
    page = client.get(f"/members/{user.id}").text
    assert f"<h1>Member {user.id}</h1>" in page
    assert "secret" not in page
