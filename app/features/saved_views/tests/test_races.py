"""Views that are saved at the same moment."""

import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.features.saved_views import services
from app.features.saved_views.models import SavedView
from app.features.saved_views.services import TooManyViews, ViewNameTaken
from app.features.saved_views.tests.lists import save
from app.models import User
from tests.factories import make_user


def saving(user_id, name, **values):
    """Return a function that saves a view as a request does."""
    return lambda: save(db.session.get(User, user_id), name, **values).id


def count(*conditions):
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(SavedView).where(*conditions))


def test_one_of_two_saves_of_a_name_wins(race):
    for _ in range(10):
        user_id = make_user().id
        results = race(*(saving(user_id, "Mine") for _ in range(4)))
        assert sum(isinstance(result, int) for result in results) == 1, results
        assert sum(isinstance(result, ViewNameTaken) for result in results) == 3, results
        assert count(SavedView.owner_id == user_id) == 1


def test_saves_at_once_stay_within_the_limit(race, monkeypatch):
    monkeypatch.setattr(services, "MOST", 2)
    user_id = make_user().id
    results = race(*(saving(user_id, f"View {number}") for number in range(6)))
    assert sum(isinstance(result, TooManyViews) for result in results) == 4, results
    assert count(SavedView.owner_id == user_id) == 2


def test_a_list_has_one_start(race):
    user_id = make_user().id
    results = race(*(saving(user_id, f"View {number}", start=True) for number in range(4)))
    assert all(isinstance(result, int) for result in results), results
    assert count(SavedView.owner_id == user_id, SavedView.is_start) == 1


@pytest.mark.parametrize("number", range(3))
def test_a_view_is_deleted_once(race, number):
    user_id = make_user().id
    view_id = save(db.session.get(User, user_id)).id

    def delete():
        view = db.session.get(SavedView, view_id)
        return view and services.delete(view, by=db.session.get(User, user_id))

    results = race(*(delete for _ in range(3)))
    unexpected = [one for one in results if one and not isinstance(one, services.ViewGone)]
    assert not unexpected
    assert count(SavedView.id == view_id) == 0
