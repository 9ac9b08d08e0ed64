"""Measure the bytes that a first visit to each page transfers, including all loaded files."""

import re
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from flask import Flask, url_for
from sqlalchemy import select

from app.extensions import db
from app.models import User
from benchmarks.clients import Browser, readable
from benchmarks.results import Result
from benchmarks.seeding import ADMINISTRATOR, PERSON
from benchmarks.stand import Stand

BAR = 60_000  # bytes
LOADED = re.compile(r'<(?:link|script|img|use)\b[^>]*?\b(?:href|src)="(/static/[^"#]+)')
STYLESHEET = re.compile(r'<link rel="stylesheet"')
SCRIPT = re.compile(r"<script\b([^>]*)>")
URL_IN_STYLES = re.compile(r"""url\(["']?(?!data:)([^"')]+)""")


class Page(NamedTuple):
    path: str
    bytes: int
    stylesheets: int
    scripts: int
    blocking_scripts: int


def first_visits(stand: Stand) -> Iterator[Result]:
    """Measure every page for a visitor, a user and an administrator."""
    database = stand.database(stand.sizes.many_people)
    app = stand.app(database.url)
    paths = [*_paths(app), "/no-such-page"]
    port = stand.kit(database.url)
    people = [stand.browser(port, who, encoding="br") for who in ("", PERSON, ADMINISTRATOR)]
    pages = [page for who, path in product(people, paths) if (page := _weigh(who, path))]
    heaviest = max(pages, key=lambda page: page.bytes)
    measure = f"{heaviest.bytes:,} bytes: {heaviest.path}, the heaviest of {len(paths)} addresses"
    yield Result("First visit", measure, "", f"< {BAR:,}", len(pages) > 0 and heaviest.bytes < BAR)
    counts = (
        max(page.stylesheets for page in pages),
        max(page.scripts for page in pages),
        max(page.blocking_scripts for page in pages),
    )
    measure = "{} stylesheet, {} script, {} that blocks, at most on a page".format(*counts)
    # A page of a feature may have a stylesheet and a script of its own.
    met = counts[0] <= 2 and counts[1] <= 2 and counts[2] == 0
    yield Result("Files of a page", measure, bar="2, 2, 0", met=met)


def _paths(app: Flask) -> Iterator[str]:
    """Yield the URL of every page, also of the pages of mailed links."""
    # The app rejects any other host.
    with app.test_request_context(base_url=app.config["APP_URL"]):
        someone = db.session.scalars(select(User).order_by(User.id.desc()).limit(1)).one()
        tokens = {
            "account.confirm": someone.generate_confirmation_token(),
            "account.reset_password": someone.generate_password_reset_token(),
        }
        for rule in app.url_map.iter_rules():
            if "GET" not in (rule.methods or ()) or rule.endpoint.startswith(("static", "dev.")):
                continue
            given = {"user_id": someone.id, "token": tokens.get(rule.endpoint, "used")}
            if rule.arguments <= given.keys():
                yield url_for(rule.endpoint, **{name: given[name] for name in rule.arguments})


def _weigh(browser: Browser, path: str) -> Page | None:
    """Return the size of a page, or None for a redirect or JSON."""
    response, content = browser.open(path)
    if response.status in range(300, 400) or response.headers.get_content_type() != "text/html":
        return None
    total = _over_the_wire(response.headers.as_bytes(), content)
    html = readable(response, content)
    todo, loaded = list(LOADED.findall(html)), set()
    while todo:
        if (file := todo.pop()) in loaded:
            continue
        loaded.add(file)
        response, content = browser.open(file)
        total += _over_the_wire(response.headers.as_bytes(), content)
        if file.endswith(".css"):
            todo += URL_IN_STYLES.findall(readable(response, content))
    scripts = SCRIPT.findall(html)
    return Page(
        path,
        total,
        len(STYLESHEET.findall(html)),
        len(scripts),
        sum("defer" not in attributes for attributes in scripts),
    )


def _over_the_wire(headers: bytes, content: bytes) -> int:
    return len(headers) + len(content)
