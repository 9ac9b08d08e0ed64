"""Find the rare part of a word, because a trigram index is slow for common trigrams.

"500000@example" occurs in one email, but half of its trigrams occur in a million. Looking up
"500000" and comparing the matches takes a hundredth of the time.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from random import Random

from sqlalchemy import func, select

from app.extensions import db
from app.kit import names
from app.kit.tables.search import TRIGRAM
from app.models import User

SAMPLE = 500  # users
FEWEST = 100  # users; a smaller sample is not meaningful
COMMON = 0.005  # share of the sample; a common trigram occurs in more, and in more than two users
SHORTEST = 5  # letters to keep of a word; fewer match too many rows
KEPT = 60 * 60  # seconds; the lifetime of a sample


@dataclass(frozen=True)
class TrigramSample:
    """The names and emails of some users, in lower case, and their common trigrams."""

    text: str
    common: frozenset[str]


_kept: dict[str, tuple[float, TrigramSample]] = {}


def is_rare(word: str) -> bool:
    """Tell whether `word`, in lower case, is not in the sample, so probably few users match it."""
    return word not in _sample().text


def rare_part(word: str) -> str:
    """Return `word`, in lower case, without common trigrams at its ends.

    The whole word is returned if all of it is common, or if there are too few users to tell.
    """
    common = _sample().common
    start, end = 0, len(word)
    while end - start > SHORTEST and word[end - TRIGRAM : end] in common:
        end -= 1
    while end - start > SHORTEST and word[start : start + TRIGRAM] in common:
        start += 1
    part = word[start:end]
    is_common = all(part[i : i + TRIGRAM] in common for i in range(len(part) - TRIGRAM + 1))
    return word if is_common else part


def _sample() -> TrigramSample:
    key = str(db.engine.engine.url)
    kept = _kept.get(key)
    if kept is None or kept[0] < time.monotonic():
        kept = _kept[key] = (time.monotonic() + KEPT, _taken())
    return kept[1]


def _taken() -> TrigramSample:
    people = select(User.first_name, User.last_name, User.email)
    newest = db.session.scalar(select(func.max(User.id))) or 0
    # Sample at random, not at fixed steps: numbers in emails may grow with the ids, and at fixed
    # steps they would all end alike.
    numbers = range(1, newest + 1)
    ids = Random(newest).sample(numbers, min(SAMPLE, newest))  # noqa: S311 - no secret
    rows = db.session.execute(people.where(User.id.in_(ids))).all()
    if len(rows) < FEWEST:
        # Most ids belong to purged users, so take the newest users instead.
        rows = db.session.execute(people.order_by(User.id.desc()).limit(SAMPLE)).all()
    texts = [names.fold(" ".join(row)) for row in rows]
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update({text[i : i + TRIGRAM] for i in range(len(text) - TRIGRAM + 1)})
    least = max(2, COMMON * len(rows)) if len(rows) >= FEWEST else len(rows)
    return TrigramSample("\n".join(texts), frozenset(one for one in counts if counts[one] > least))
