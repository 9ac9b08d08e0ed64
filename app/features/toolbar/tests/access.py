"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

from app.features.toolbar.recording import MadeQuery, RequestRecord
from tests.routes import ANYONE
from tests.world import HOSTILE as TEXT

ACCESS = {"dev.requests": ANYONE, "dev.request_details": ANYONE}

# The pages exist in development and in tests only.
OPEN_TO_UNCONFIRMED = dict.fromkeys(ACCESS, "for developers")
WITHOUT_SESSION = dict.fromkeys(ACCESS, "for developers")
SHARED = {"request_id": "the id of a request that anyone made to a developer's server"}


def hostile_request(world):
    record = RequestRecord("GET", f"/{TEXT}?q={TEXT}", f"/{TEXT}", TEXT, threshold=1)
    record.request_id = "0" * 32
    record.queries.append(MadeQuery(TEXT, TEXT, 1.0, False))
    record.add_query(TEXT, 0.001, True, TEXT)
    world.app.extensions["toolbar"].begin(record)
    world.app.extensions["toolbar"].begin(None)
    return [record.request_id]


HOSTILE = {"request_id": hostile_request}
