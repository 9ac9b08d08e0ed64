"""Make and restore backups in tests, and look at what came back."""

from __future__ import annotations

from pathlib import Path

from flask import current_app
from sqlalchemy import func, select

from app.extensions import db
from app.features.backups import making, places, restoring
from app.features.backups.restoring import RestoreReport
from app.kit import storage
from app.kit.database import migrations
from app.models import User


def make() -> str:
    return making.make(places.place(current_app.config["BACKUP_TO"])).name


def restore(
    wanted: str = "latest", *, identity: Path | None = None, replace: bool = False
) -> RestoreReport:
    place = places.place(current_app.config["BACKUP_TO"])
    with restoring.opened(wanted, place, identity) as (name, reader):
        manifest = restoring.check(reader, replace=replace)
        return restoring.restore(name, reader, manifest, replace=replace)


def contents() -> dict[str, object]:
    """Return what tests compare: users, files with their content, and the state of migrations."""
    db.session.rollback()
    files = {}
    for row in db.session.scalars(select(storage.StoredFile)).all():
        for part in row.parts:
            with storage.open_key(row.key_of(part)) as file:
                files[row.key_of(part)] = (row.content_type, file.read())
    folder = Path(current_app.extensions["migrate"].directory)
    found = {
        "users": list(db.session.scalars(select(User.email).order_by(User.id))),
        "files": files,
        "migrations": migrations.problem(db.session.connection(), folder),
    }
    db.session.rollback()
    return found


def count_users() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(User)) or 0
