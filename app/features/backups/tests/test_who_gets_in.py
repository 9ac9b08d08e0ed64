"""Nobody whose session or token ended after a backup is let in by its restore."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.features.backups import places, restoring
from app.features.backups.errors import BackupRefused
from app.features.backups.tests.support import count_users, make, restore
from app.kit.database.restored import statements
from app.models import User, UserSession
from app.services import sessions
from tests.factories import make_user
from tests.support import module_of

api = module_of("api", "tokens")
two_factor = module_of("two_factor", "models")


def count(model) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_a_restore_ends_sessions_and_what_stands_for_them(original):
    user = db.session.scalars(select(User).order_by(User.id)).first()
    sessions.start(user, remembered=True, address="127.0.0.1", device="a stolen laptop")
    if api:
        models = module_of("api", "models")
        for kind in models.TokenKind:
            api.add(
                user, name=kind, scopes=1, access=models.TokenAccess.READ, kind=kind, lifetime=None
            )
    db.session.commit()
    make()
    assert restore(replace=True).manifest.rows["user_sessions"] == 1
    assert count(UserSession) == 0
    if api:
        kinds = db.session.scalars(select(models.ApiToken.kind)).all()
        assert kinds == [models.TokenKind.PERSONAL], "programs go on"
    names = " ".join(statements({"user_sessions", "two_factor_devices"}))
    assert "user_sessions" in names
    assert ("two_factor_devices" in names) == bool(two_factor)


@pytest.mark.parametrize("there_before", [False, True])
def test_a_database_that_gets_tables_during_a_restore_keeps_them(original, copy, there_before):
    """Its rows were lost, because it was empty when the restore began."""
    make()
    with copy.app_context():
        place = places.place(copy.config["BACKUP_TO"])
        if there_before:
            db.engine.connect().close()  # The file is there, without a table.
        with restoring.opened("latest", place, None) as (name, reader):
            manifest = restoring.check(reader, replace=False)
            copy.test_cli_runner().invoke(args=["db", "upgrade"])
            make_user(email="early@example.org")
            db.session.remove()
            with pytest.raises(BackupRefused, match="has got tables meanwhile"):
                restoring.restore(name, reader, manifest, replace=False)
        assert count_users() == 1
        restore(replace=True)
        assert count_users() > 1
