"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

from app.extensions import db
from app.features.saved_views.models import SavedView
from app.features.saved_views.tests.lists import LIST, save
from tests.routes import CONFIRMED
from tests.world import HOSTILE as TEXT
from tests.world import as_user

ACCESS = {
    "account.save_view": CONFIRMED,
    "account.change_view": CONFIRMED,
    "account.delete_view": CONFIRMED,
}

OPEN_TO = {
    "account.save_view": "impersonating",
    "account.change_view": "impersonating",
    "account.delete_view": "impersonating",
}


def change_view(world):
    view = save(world.admin)
    return world.send(world.browser, f"/account/views/{view.id}", name="Another")


def delete_view(world):
    view = save(world.admin)
    return world.send(world.browser, f"/account/views/{view.id}/delete")


def hostile_view(world):
    view = SavedView(owner=world.admin, endpoint="account.index", name=TEXT, query=TEXT)
    db.session.add(view)
    db.session.commit()
    return [view.id]


EVENTS = {
    "account.save_view": (
        "view.saved",
        as_user(f"/account/views/new?table=account.index&list={LIST}", name="Mine"),
    ),
    "account.change_view": ("view.changed", change_view),
    "account.delete_view": ("view.deleted", delete_view),
}
OWNED = {"view_id": lambda world: save(world.admin)}
HOSTILE = {"view_id": hostile_view}
