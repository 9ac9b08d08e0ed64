"""Which part of a word few people have: an index of trigrams is slow about those that most have.

"500000@example" is in one address, and half of its trigrams are in a million. Looked for by
"500000" and then compared, it is found in a hundredth of the time.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from random import Random

from sqlalchemy import func, select

from app.extensions import db
from app.kit import names
from app.models import User

TRIGRAM = 3
SAMPLE = 500  # people
FEWEST = 100  # of whom a sample tells something
COMMON = 0.005  # of them, and more than two
SHORTEST = 5  # letters that are left of a word: fewer find many who are then compared in vain
KEPT = 60 * 60  # seconds for which a sample is good


@dataclass(frozen=True)
class Sample:
    """What some people are called, in lower case, and the trigrams that many of them have."""

    text: str
    common: frozenset[str]


_kept: dict[str, tuple[float, Sample]] = {}


def is_rare(word: str) -> bool:
    """Tell whether nobody in the sample has `word`, in lower case, so that few people have it."""
    return word not in _sample().text


def rare_part(word: str) -> str:
    """Return `word`, in lower case, without what is common at its ends.

    All of it if all of it is common, and while there are too few people to tell.
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


def _sample() -> Sample:
    key = str(db.engine.engine.url)
    kept = _kept.get(key)
    if kept is None or kept[0] < time.monotonic():
        kept = _kept[key] = (time.monotonic() + KEPT, _taken())
    return kept[1]


def _taken() -> Sample:
    people = select(User.first_name, User.last_name, User.email)
    newest = db.session.scalar(select(func.max(User.id))) or 0
    # Not every so-manieth: numbers in addresses grow with the ids, and would all end alike.
    numbers = range(1, newest + 1)
    ids = Random(newest).sample(numbers, min(SAMPLE, newest))  # noqa: S311 - no secret
    rows = db.session.execute(people.where(User.id.in_(ids))).all()
    if len(rows) < FEWEST:
        # Few of the numbers that were ever given are still taken.
        rows = db.session.execute(people.order_by(User.id.desc()).limit(SAMPLE)).all()
    texts = [names.fold(" ".join(row)) for row in rows]
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update({text[i : i + TRIGRAM] for i in range(len(text) - TRIGRAM + 1)})
    least = max(2, COMMON * len(rows)) if len(rows) >= FEWEST else len(rows)
    return Sample("\n".join(texts), frozenset(one for one in counts if counts[one] > least))
