"""Attack every page at once, including pages that are added later."""

import itertools
import re
from urllib.parse import quote

from sqlalchemy import select

from app.extensions import db
from app.kit import slots
from app.models import UserSession
from tests.higher_users import higher_users, manager, stored_of
from tests.routes import RULES, file_of, rows, takes_token
from tests.support import PASSWORD
from tests.world import HOSTILE, World

__all__ = ["higher_users", "manager"]

EVALUATED = re.compile(r"alert\(1\)(?:>|&gt;)49")  # the end of HOSTILE, run as a template
N_PLUS_ONE = 4  # times that one line may not make a query; the lists have more rows

LISTS = [rule for rule in RULES if "GET" in rule.methods and not rule.arguments]


def test_no_form_about_a_person_reaches_higher_users(app, manager, higher_users):
    """AZ-2, AZ-4: whatever the state of their account, and whatever the form contains."""
    browser, user = manager
    token = browser.csrf_token("/")
    before = stored_of(higher_users)
    asked = set()
    for rule in app.url_map.iter_rules():
        if "user_id" not in rule.arguments or "POST" not in rule.methods:
            continue
        if takes_token(rule.endpoint):
            continue
        if "token" in rule.arguments:  # The token decides who may open it.
            continue
        for person in higher_users:
            session = select(UserSession.id).where(UserSession.user_id == person.id).limit(1)
            path = str(rule).replace("<int:user_id>", str(person.id))
            path = path.replace("<int:session_id>", str(db.session.scalar(session)))
            assert "<" not in path, f"Say in {__file__} what {rule} is opened with."
            sent = {
                "csrf_token": token,
                "email": "taken-over@example.com",
                "role": str(user.role_id),
                "known": str(person.invite_message_id or ""),
                "seen": "{}",
                "password": PASSWORD,
            }
            assert browser.post(path, data=sent).status_code == 403, path
            asked.add(rule.endpoint)
    assert asked >= {action.endpoint for action in slots.user_actions()}
    assert stored_of(higher_users) == before


def opened_with(rule, known):
    """Yield values for the names in a URL that open a page, one set at a time."""
    names = sorted(rule.arguments)
    for name in names:
        assert name in known, (
            f"Add a row for {name} to HOSTILE in {file_of(rule.endpoint)}: "
            f"a function that returns what {rule} is opened with, a row with hostile texts."
        )
    for values in itertools.product(*(known[name] for name in names)):
        yield dict(zip(names, values, strict=True))


def test_hostile_names_run_nowhere(app, admin, make_user, request, repeated):
    """XS-2, XS-3, SE-9: in names, reasons, events, files and emails, on every page.

    No page makes a query for each of its rows.
    """
    world = World(app, make_user, admin, request)
    # The events come last, because the other rows may add some.
    rows_of = sorted(rows("HOSTILE").items(), key=lambda row: row[0] == "event_id")
    known = {name: make(world) for name, make in rows_of}
    query = quote(HOSTILE)
    asked = "&".join(f"{name}={query}" for name in ("search", "role", "sort", "action", "from"))
    pages = [(rule, f"{rule}?{asked}") for rule in LISTS]
    for rule in RULES:
        if "GET" in rule.methods:
            for values in opened_with(rule, known):
                path = str(rule)
                for name, value in values.items():
                    path = path.replace(f"<int:{name}>", str(value))
                pages.append((rule, path))
    told = 0
    repeated(1)
    for rule, path in pages:
        page = world.browser.get(path)
        again = repeated(N_PLUS_ONE)
        assert not again, f"{path} makes a query for each row. Load them with one query: {again}"
        assert page.status_code < 500, path
        if rule.endpoint == "account.logout":
            world.browser.enter(admin)
        if page.status_code == 200 and rule.endpoint not in rows("WITHOUT_SESSION"):
            assert page.headers["Cache-Control"] == "no-store", path
        if page.mimetype == "text/html":
            assert "<img src=x" not in page.text, path
            assert not EVALUATED.search(page.text), path
            told += "onerror=alert(1)" in page.text
    assert told > 15
