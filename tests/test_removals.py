"""The clones of `make removals` lose features so that each pair is seen."""

import pytest

from settings import manifests
from tests.removals import groups, needed_by

REQUIRES = {name: one.requires for name, one in manifests.read().items()}


@pytest.mark.parametrize(
    "requires",
    [
        REQUIRES,
        {},
        {"a": ()},
        {"a": (), "b": ("a",), "c": ("b",), "d": ("a", "c")},
        {str(number): () for number in range(12)},
    ],
    ids=["kit", "none", "one", "chain", "many"],
)
def test_each_feature_is_gone_once_without_each_other(requires: dict[str, tuple[str, ...]]) -> None:
    found = groups(requires)

    assert set(requires) == set().union(*found)
    assert len(found) <= max(8, len(requires) // 3)
    for gone in found:
        left_behind = {name for name in requires if name not in gone and gone & {*requires[name]}}
        assert not left_behind, "They require a feature that is gone."
    for one in requires:
        for other in requires:
            if one != other and one not in needed_by(other, requires):
                assert any(one in gone and other not in gone for gone in found), (one, other)


def test_the_same_features_make_the_same_groups() -> None:
    requires = {"a": (), "b": ("a",), "c": ("b",), "d": (), "e": ()}
    assert groups(requires) == groups(requires)
