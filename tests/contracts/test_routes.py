"""Every route of the app: who may open it, and the effects that no request can have.

A new route fails here until the table declares who may open it.
"""

from itertools import cycle
from pathlib import Path

import pytest
from sqlalchemy import select
from werkzeug.exceptions import MethodNotAllowed

from app.extensions import db
from app.kit.database import now
from app.models import Permission
from tests import factories
from tests.routes import (
    ANYONE,
    CONFIRMED,
    FORMS,
    GUESTS,
    MANAGERS,
    RULES,
    SIGNED_IN,
    UNSAFE,
    address,
    check_rows,
    methods,
    row,
    rows,
    takes_token,
)
from tests.world import World

HOME, LOGIN, CONFIRM = "/", "/account/login", "/account/unconfirmed"


# Each group of routes is one test, because making users and signing them in takes its time.
GROUP = 24


def groups(rules):
    """Return the rules in lists of at most GROUP, to parametrise a test."""
    lists = [rules[start : start + GROUP] for start in range(0, len(rules), GROUP)]
    return [pytest.param(some, id=f"{some[0]} to {some[-1]}") for some in lists]


def groups_by_access():
    """Return the rules that the same users may open in lists of at most GROUP."""
    found = {}
    for rule in RULES:
        if rule.endpoint in rows("ACCESS"):
            found.setdefault(access_to(rule), []).append(rule)
    return [group for rules in found.values() for group in groups(rules)]


def access_to(rule):
    """Return who may open a route."""
    return row("ACCESS", rule.endpoint)


def needed(access):
    """Return the permission bits that a route requires."""
    if access == MANAGERS:
        return Permission.management()
    return int(access) if isinstance(access, Permission) else 0


@pytest.fixture
def personas(app, make_user, rules):
    """Return a browser for each kind of user that access rules distinguish.

    "exact" has only the required permission, and "almost" has every permission but that.
    """
    access = access_to(rules[0])
    bits = needed(access)
    exact = bits & -bits if access == MANAGERS else bits
    people = {
        "unconfirmed": make_user(confirmed=False),
        "user": make_user(),
        "exact": make_user(),
        "almost": make_user(),
        "admin": make_user(role="Administrator"),
        "unconfirmed admin": make_user(role="Administrator", confirmed=False),
        "suspended": make_user(role="Administrator"),
    }
    people["exact"].role = factories.make_role("Exact", permissions=exact or 1)
    almost = Permission.known() & ~0x80 & ~bits
    people["almost"].role = factories.make_role("Nearly all", permissions=almost)
    db.session.commit()
    browsers = {"anonymous": app.test_client()}
    for name, person in people.items():
        browsers[name] = app.test_client()
        browsers[name].enter(person)
    # The service would end the session, so change only the state of the account.
    people["suspended"].suspended_at = now()
    db.session.commit()
    return browsers


def token_of(browser, persona):
    """Return a token of a persona's browser, from a page with a form that they may open."""
    if persona in {"anonymous", "suspended"}:
        return browser.csrf_token(LOGIN)
    return browser.csrf_token(CONFIRM if "unconfirmed" in persona else HOME)


def expected(access, endpoint, persona):
    """Return the redirect or status for a persona, or None if the view itself answers."""
    if takes_token(endpoint):  # These need a token, whatever the browser is signed in to.
        return None if access == ANYONE else 401
    if persona in {"anonymous", "suspended"}:
        return LOGIN if access in {SIGNED_IN, CONFIRMED} or needed(access) else None
    if "unconfirmed" in persona:
        is_open = endpoint in rows("OPEN_TO_UNCONFIRMED")
        return None if access == SIGNED_IN or is_open else CONFIRM
    if access == GUESTS:
        return HOME
    # The default role has the general permission.
    refused = {"almost"} if access == Permission.GENERAL else {"user", "almost"}
    return 403 if needed(access) and persona in refused else None


def endpoint_sends_home(rule, sent_to):
    """Tell whether a page for guests redirected a user that the gate stops on the next request."""
    return access_to(rule) == GUESTS and sent_to == HOME


def test_the_table_lists_every_route_and_no_other():
    check_rows({rule.endpoint for rule in RULES}, "ACCESS")


@pytest.mark.parametrize("rules", groups_by_access())
def test_a_route_answers_those_it_is_for_and_nobody_else(rules, personas, undone):
    """AZ-1; HD-1, HD-2: each answer has careful headers."""
    forms = [rule for rule in rules if rule.methods & UNSAFE]
    for rule in rules:
        if rule not in forms:
            with undone(*personas.values()):
                check_access(rule, personas, dict.fromkeys(personas, ""))
    tokens = {persona: token_of(browser, persona) for persona, browser in personas.items()}
    for rule in forms:
        with undone(*personas.values()):
            check_access(rule, personas, tokens)


def check_access(rule, personas, tokens):
    """Send each method of a rule as each persona, and check the answer."""
    access = access_to(rule)
    for persona, browser in personas.items():
        headers = {"X-CSRFToken": tokens[persona]}
        wanted = expected(access, rule.endpoint, persona)
        # Flask answers HEAD by the view of GET, and a test below compares their answers.
        for method in [one for one in methods(rule) if one != "HEAD"]:
            response = careful(browser.open(address(rule), method=method, headers=headers))
            case = (str(rule), persona, method, response.status_code, response.location)
            if isinstance(wanted, int):
                assert response.status_code == wanted, case
            elif wanted is None:
                # A public operation may ask for credentials, such as that which gives out tokens.
                is_open = takes_token(rule.endpoint) or response.status_code not in {401, 403}
                assert is_open, case
                sent_to = (response.location or "").split("?")[0]
                assert sent_to != LOGIN or rule.endpoint in {"account.logout"}, case
                assert sent_to != CONFIRM or access == SIGNED_IN, case
            else:
                assert response.status_code == 302, case
                sent_to = response.location.split("?")[0]
                assert sent_to == wanted or endpoint_sends_home(rule, sent_to), case
            if rule.endpoint == "account.logout":
                break


def test_an_admin_view_says_which_permission_it_needs(app):
    """AZ-1: menus list pages by this permission."""
    wrong = []
    for rule in RULES:
        view = app.view_functions[rule.endpoint]
        while view is not None and not hasattr(view, "permission"):
            view = getattr(view, "__wrapped__", None)
        if rule.endpoint.startswith("admin.") and not getattr(view, "permission", 0) > 0:
            wrong.append(rule.endpoint)
    assert not wrong, f"Put @permission_required on the views of {wrong}."


def test_an_unsafe_request_needs_a_token_of_this_browsers_session(app, admin):
    """CS-1"""
    browser = app.test_client()
    browser.enter(admin)
    good = browser.csrf_token(HOME)
    foreign = app.test_client().csrf_token(LOGIN)
    # A form that is exempt takes each of these, so each form gets one of either kind.
    bad_tokens = cycle(["", "nonsense", foreign])
    foreign_headers = cycle([{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
    for rule in FORMS:
        for method in rule.methods & UNSAFE:
            url = address(rule, admin.id)
            token = next(bad_tokens)
            response = careful(browser.open(url, method=method, data={"csrf_token": token}))
            assert response.status_code == 400, (url, method, token)
            assert "too old" in response.text, (url, method, token)
            headers = next(foreign_headers)
            response = browser.open(url, method=method, data={"csrf_token": good}, headers=headers)
            assert response.status_code == 403, (url, method, headers)


def test_no_view_is_exempt_from_the_check_of_tokens(app):
    """CS-1"""
    protect = app.extensions["csrf"]
    assert not protect._exempt_views
    assert not protect._exempt_blueprints


def dump():
    """Return all data in the database."""
    db.session.expire_all()
    return {
        table.name: sorted(map(repr, db.session.execute(select(table)).all()))
        for table in db.metadata.sorted_tables
    }


def without_downloads(found):
    """Leave out events of downloads that contain emails of users, because a download is a GET."""
    told = {f"'{action}'" for action, _path in rows("DOWNLOADS").values()}
    events = found.pop("audit_events")
    return {**found, "audit_events": [one for one in events if not any(x in one for x in told)]}


def test_nothing_changes_by_looking(app, admin, make_user, request):
    """CS-2, F32: GET, HEAD and OPTIONS change nothing on any route, even with valid links.

    HEAD answers as GET, without a body. HD-1, HD-2: each answer has careful headers.
    """
    world = World(app, make_user, admin, request)
    user_id = make_user().id
    links = {endpoint: make(world) for endpoint, make in rows("WORKING_LINKS").items()}
    before = dump()
    for rule in RULES:
        url = links.get(rule.endpoint, address(rule, user_id))
        for browser in (world.browser, app.test_client()):
            statuses = {}
            for method in [one for one in ("GET", "HEAD", "OPTIONS") if one in rule.methods]:
                response = careful(browser.open(url, method=method))
                assert response.status_code < 500, (url, method)
                assert method != "HEAD" or response.data == b"", url
                statuses[method] = response.status_code
            assert statuses.get("HEAD") == statuses.get("GET"), url
            assert statuses.get("OPTIONS", 200) in {200, 204}, url
    assert without_downloads(dump()) == without_downloads(before)


# No route knows these.
ODD_METHODS = ("TRACE", "CONNECT", "FOO", "PROPFIND")


def test_methods_that_a_route_does_not_know_are_refused(app, client, admin):
    """CF-5, F32: Werkzeug refuses all of them, and a request with one of them shows it."""
    client.enter(admin)
    headers = {"X-CSRFToken": client.csrf_token(HOME)}
    router = app.url_map.bind("localhost")
    all_methods = {}
    for rule in RULES:
        all_methods.setdefault(str(rule), set()).update(rule.methods)
    for number, (path, known) in enumerate(all_methods.items()):
        url = address(path)
        unknown = sorted({*UNSAFE, *ODD_METHODS} - known)
        for method in unknown:
            with pytest.raises(MethodNotAllowed) as refused:
                router.match(url, method)
            assert known <= set(refused.value.valid_methods), (path, method)
        method = unknown[number % len(unknown)]
        response = careful(client.open(url, method=method, headers=headers))
        assert response.status_code == 405, (path, method)
        assert known <= set(response.headers["Allow"].split(", ")), path


def careful(response):
    """Check the headers that every response must have."""
    headers = response.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] in {"DENY", "SAMEORIGIN"}
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Referrer-Policy"] in {"same-origin", "no-referrer"}
    policy = dict(
        part.partition(" ")[::2] for part in headers["Content-Security-Policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert policy["frame-ancestors"] in {"'none'", "'self'"}
    assert "unsafe" not in policy.get("script-src", "")
    assert "*" not in headers["Content-Security-Policy"]
    assert "Server" not in headers
    assert "X-Powered-By" not in headers
    return response


def test_every_kind_of_answer_has_careful_headers(client, app, monkeypatch):
    """HD-1"""
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)

    def fail():
        raise RuntimeError("SELECT secret FROM path/to/file")

    monkeypatch.setitem(app.view_functions, "account.register", fail)
    answers = {
        200: client.get("/"),
        302: client.get("/account/manage"),
        400: client.post(LOGIN),
        403: client.post(LOGIN, headers={"Origin": "http://evil.example"}),
        404: client.get("/nowhere"),
        405: client.put("/"),
        413: client.post(LOGIN, data=b"x" * 2_000_000),
        500: client.get("/account/register"),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        careful(answer)
        assert "SELECT secret" not in answer.text
    careful(client.get("/", headers={"Host": "evil.example"}))
    folder = Path(app.static_folder)
    built = next(folder.rglob("*.css"), None)
    assert built is not None, "Run `python manage.py build_assets`: no styles are built."
    with client.get(f"/static/{built.relative_to(folder)}") as answer:
        assert careful(answer).status_code == 200


def test_scripts_run_only_with_the_nonce_of_this_response(client):
    """HD-1"""
    one, other = client.get(LOGIN), client.get(LOGIN)
    nonces = []
    for page in (one, other):
        policy = page.headers["Content-Security-Policy"]
        script = next(part for part in policy.split("; ") if part.startswith("script-src"))
        nonces.append(script.split("'nonce-")[1].split("'")[0])
        assert "style-src 'self'" in policy
    assert nonces[0] != nonces[1]
    assert len(nonces[0]) >= 22
