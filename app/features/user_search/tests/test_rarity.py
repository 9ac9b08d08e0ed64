"""Test the rare parts of words, which the trigram indexes look up."""

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features.user_search import Filters, find
from app.features.user_search.services import rarity
from app.models import Role, User
from tests import factories


@pytest.fixture
def people(app, monkeypatch):
    """120 users at one domain, and one at another."""
    monkeypatch.setattr(rarity, "_kept", {})
    role_id = db.session.scalar(select(Role.id).where(Role.name == "User"))
    named = [("Mary", f"mary{number:03}@example.com") for number in range(120)]
    for name, email in (*named, ("Zoë", "zoe@rarely.example.org")):
        user = User(first_name=name, last_name="Lovelace", email=email, role_id=role_id)
        db.session.add(user)
    db.session.commit()


@pytest.mark.parametrize(
    ("word", "part"),
    [
        ("mary077@example.com", "077@"),
        ("077@example", "077@"),
        # This word is rare at both ends.
        ("zoe@rarely.example.org", "zoe@rarely.example.org"),
        # The whole word is common, so shortening it gains nothing.
        ("example", "example"),
        ("mar", "mar"),
    ],
)
def test_common_trigrams_at_the_ends_of_a_word_are_left_out(people, word, part):
    found = rarity.rare_part(word)
    assert part in found
    assert (found == word) is (part == word)


def test_where_there_are_few_people_a_word_is_looked_for_as_it_is(app, monkeypatch):
    monkeypatch.setattr(rarity, "_kept", {})
    factories.make_user(email="ada@example.com")
    assert rarity.rare_part("ada@example.com") == "ada@example.com"


@pytest.mark.parametrize(
    ("search", "count"),
    [
        ("077@example", 1),
        ("ARY077@EXAMPLE.COM", 1),
        # Its rare part is in an email, but the whole word is in none.
        ("077@example.org", 0),
        ("x077@example.com", 0),
        ("077@example mary", 1),
        ("zoë", 1),
        ("@rarely.example.org", 1),
        ("%077@example", 0),
        ("077_example", 0),
    ],
)
def test_the_whole_word_is_found_and_not_its_rare_part_alone(people, search, count):
    assert len(find(Filters(search=search)).rows) == count


def test_a_word_is_rare_that_nobody_in_the_sample_has(people):
    assert rarity.is_rare("x077@example")
    assert not rarity.is_rare("077@example")
    assert not rarity.is_rare("mary")
    # A word does not continue into the next user of the sample.
    assert rarity.is_rare("commary")
