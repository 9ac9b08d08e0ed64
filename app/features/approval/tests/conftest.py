"""Users who wait for approval."""

import pytest

from app.extensions import db
from app.features.approval.models import RegistrationRequest


@pytest.fixture
def approval(app, monkeypatch):
    monkeypatch.setitem(app.config, "APPROVE_REGISTRATIONS", True)


@pytest.fixture
def make_waiting(make_user, approval):
    def make(**values):
        user = make_user(**values)
        db.session.add(RegistrationRequest(user_id=user.id))
        db.session.commit()
        return user

    return make


@pytest.fixture
def waiting(make_waiting):
    return make_waiting(email="grace@example.com", first_name="Grace", last_name="Hopper")
