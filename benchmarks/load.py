"""Measure a mix of pages with more and more clients at once, beside Django with the same pages."""

from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlencode

from sqlalchemy import select

from app.extensions import db
from app.kit.assets import asset_url
from app.models import User
from benchmarks.clients import Browser
from benchmarks.crowd import Page, Seen, visit
from benchmarks.memory import processor_seconds
from benchmarks.results import Result
from benchmarks.seeding import ADMINISTRATOR, PERSON
from benchmarks.stand import Stand
from benchmarks.user_list import django_browser

OTHERS_BAR, LATEST_BAR = 0.6, 2.0  # seconds, with the second crowd and with the third
SIGN_IN = "sign-in"
SHARES = {"home": 30, "list": 15, "user": 20, "search": 15, SIGN_IN: 5, "stylesheet": 15}
VARIETY = 50  # different users in the mix
FORM = "application/x-www-form-urlencoded"


def load(stand: Stand) -> Iterator[Result]:
    """Let crowds ask for home, lists, searches, sign-ins and the stylesheet, in turns."""
    base = stand.database(stand.sizes.many_people)
    kit = stand.kit(base.url)
    servers = {"the kit": (kit, kit_pages(stand, kit, base.url))}
    if stand.peers():
        django = stand.django(base.url)
        servers["Django"] = (django, django_pages(stand, django, base.url))
    for crowd, clients in enumerate(stand.sizes.crowds):
        seen = {}
        for name, (port, pages) in servers.items():
            before = processor_seconds(stand.pid(port)) or 0.0
            seen[name] = visit(port, pages, clients=clients, seconds=stand.sizes.crowd_seconds)
            seen[name].processor = (processor_seconds(stand.pid(port)) or 0.0) - before
        yield from _results(crowd, clients, seen)


def _results(crowd: int, clients: int, seen: dict[str, Seen]) -> Iterator[Result]:
    for name, one in seen.items():
        others = [page for page in SHARES if page != SIGN_IN]
        p50, p99 = (one.percentile(part, others) for part in (50, 99))
        of_sign_in = [one.percentile(part, [SIGN_IN]) for part in (50, 99)]
        measure = (
            f"{one.per_second:.0f} requests/s, {one.per_processor_second:.0f} for each second of a "
            f"processor; p50 {p50:.2f} s, p99 {p99:.2f} s; "
            f"sign-in {of_sign_in[0]:.2f} and {of_sign_in[1]:.2f} s; "
            f"refused {one.share_refused:.0%}, lost {one.lost}, slowest {one.slowest:.2f} s"
        )
        if one.wrong:
            measure += f"; wrong: {dict(one.wrong)}"
        django = (
            seen["Django"].per_processor_second if name == "the kit" and "Django" in seen else 0.0
        )
        ratio = f"{one.per_processor_second / django:.2f}" if django else ""
        subject = f"{clients} clients, {name}"
        if name != "the kit" or crowd == 0:
            yield Result(subject, measure, ratio)
        elif crowd == 1:
            yield Result(subject, measure, ratio, f"p99 ≤ {OTHERS_BAR} s", p99 <= OTHERS_BAR)
        else:
            met = one.slowest <= LATEST_BAR
            yield Result(subject, measure, ratio, f"slowest ≤ {LATEST_BAR} s", met)


def kit_pages(stand: Stand, port: int, url: str) -> list[Page]:
    with stand.app(url).app_context():
        ids, emails = _some_users()
        stylesheet = asset_url("app_css")
    browser = stand.browser(port, ADMINISTRATOR)
    with closing(Browser(port)) as guest:
        token = guest.csrf_token("/account/login")
        form = {"email": PERSON, "password": stand.password, "csrf_token": token}
        sign_in = _post(port, "/account/login", form, guest.headers())
    headers = browser.headers()
    return _pages(
        home=[_get(port, "/", headers)],
        list=[_get(port, "/admin/users", headers)],
        user=[_get(port, f"/admin/user/{one}", headers) for one in ids],
        search=[_get(port, f"/admin/users?search={one}", headers) for one in emails],
        stylesheet=[_get(port, stylesheet, {"Accept-Encoding": "br"})],
        **{SIGN_IN: [sign_in]},
    )


def django_pages(stand: Stand, port: int, url: str) -> list[Page]:
    with stand.app(url).app_context():
        ids, emails = _some_users()
    browser = django_browser(stand, url)
    headers, token = browser.headers(), browser.cookies["csrftoken"]
    form = {"username": "administrator", "password": stand.password, "csrfmiddlewaretoken": token}
    people = "/tuned/peers/person/"
    return _pages(
        home=[_get(port, "/admin/", headers)],
        list=[_get(port, people, headers)],
        user=[_get(port, f"{people}{one}/change/", headers) for one in ids],
        search=[_get(port, f"{people}?q={one}", headers) for one in emails],
        stylesheet=[_get(port, "/static/admin/css/base.css", {})],
        **{SIGN_IN: [_post(port, "/admin/login/", form, {"Cookie": f"csrftoken={token}"})]},
    )


def _some_users() -> tuple[list[int], list[str]]:
    rows = db.session.execute(select(User.id, User.email).order_by(User.id.desc()).limit(VARIETY))
    ids, emails = zip(*rows, strict=True)
    return list(ids), [email.partition("@")[0] for email in emails]


def _pages(**requests: list[bytes]) -> list[Page]:
    return [Page(name, share, requests[name]) for name, share in SHARES.items()]


def _get(port: int, path: str, headers: dict[str, str]) -> bytes:
    return _request("GET", port, path, headers, b"")


def _post(port: int, path: str, form: dict[str, str], headers: dict[str, str]) -> bytes:
    body = urlencode(form).encode()
    more = {"Content-Type": FORM, "Content-Length": str(len(body))}
    return _request("POST", port, path, {**headers, **more}, body)


def _request(method: str, port: int, path: str, headers: dict[str, str], body: bytes) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
