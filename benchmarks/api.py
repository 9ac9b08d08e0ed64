"""Measure the API: looking up a token, and a small resource against an equivalent bare view."""

import statistics
import time
from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import select

from app.extensions import db
from app.features.api import tokens
from app.features.api.models import TokenAccess, TokenKind
from app.models import User
from benchmarks.pages import compare_pages
from benchmarks.results import Result, at_least, at_most
from benchmarks.seeding import PERSON
from benchmarks.stand import Stand

BAR = 0.6
MOST_MILLISECONDS = 1.5
PATH = "/api/v1/me"


def me(stand: Stand) -> Iterator[Result]:
    """Compare GET /me with a bare view that looks up the token, and time the lookup alone."""
    for engine in stand.engines():
        url = stand.database(stand.sizes.few_people, engine).url
        with stand.app(url).app_context():
            secret = _make_token()
            # Other work of the machine only adds to the time, so the fastest turn counts.
            turns = range(stand.sizes.rounds)
            taken = min(_median(secret, 20 * stand.sizes.requests) for _ in turns)
        measure = f"{taken * 1000:.2f} ms ({engine})"
        yield at_most("Token authentication", measure, taken * 1000, MOST_MILLISECONDS)
        kit, bare = stand.kit(url), stand.bare("token_view", url)
        sent = {"Authorization": f"Bearer {secret}"}
        found = compare_pages(stand, (kit, PATH, sent), (bare, "/", sent))
        words = f"{found.first:,.0f} requests/s, {found.second:,.0f} of bare Flask ({engine})"
        yield at_least("GET /me", words, found.ratio, BAR)


def _make_token() -> str:
    user = db.session.scalars(select(User).where(User.email == PERSON)).one()
    made = tokens.add(
        user,
        name="Benchmark",
        scopes=user.permissions,
        access=TokenAccess.READ,
        kind=TokenKind.PERSONAL,
        lifetime=timedelta(days=1),
    )
    db.session.commit()
    return made.secret


def _median(secret: str, count: int) -> float:
    return statistics.median(_seconds(secret) for _ in range(count))


def _seconds(secret: str) -> float:
    """Return the seconds to find the owner of a token, on the connection of the request."""
    db.session.remove()
    db.session.connection()
    started = time.perf_counter()
    found = tokens.find(secret)
    taken = time.perf_counter() - started
    if found is None:
        raise RuntimeError("the token was not found")
    return taken
