"""Check that uploaded files can be stored."""

from __future__ import annotations

from flask import current_app

from app.features.health.services.check import Check
from app.kit import storage


def can_be_stored() -> Check:
    if not storage.kinds():
        return Check("files", "None are uploaded")
    try:
        storage.check()
    except (storage.Away, storage.Missing) as error:
        bucket = current_app.config["S3_BUCKET"]
        reason = str(error) if isinstance(error, storage.Away) else "a file is lost at once"
        return Check(
            "files",
            problem=f"Files cannot be stored: {reason}.",
            hint="Compare S3_BUCKET and the settings beside it with those of the service."
            if bucket
            else "Let this user write in FILES_FOLDER, and look at the space on its disk.",
        )
    return Check("files", "Can be stored")
