"""Store files in a folder, or in a bucket of an S3-compatible service (docs/files.md).

A file belongs to a kind, which a feature registers with the column that refers to its files. A file
to which no row refers is deleted a day after it was stored, by the nightly clean-up.
"""

from app.kit.storage.attached import drop_ids, save_uploads
from app.kit.storage.backend import Away, Missing, check, init_app
from app.kit.storage.content import type_of
from app.kit.storage.direct import Upload, begin_upload, download_url, finish_upload
from app.kit.storage.files import (
    FileRefused,
    TooLarge,
    by_name,
    drop,
    open_key,
    save,
    save_parts,
)
from app.kit.storage.models import StoredFile
from app.kit.storage.orphans import purge
from app.kit.storage.registry import kind, kinds

__all__ = [
    "Away",
    "FileRefused",
    "Missing",
    "StoredFile",
    "TooLarge",
    "Upload",
    "begin_upload",
    "by_name",
    "check",
    "download_url",
    "drop",
    "drop_ids",
    "finish_upload",
    "init_app",
    "kind",
    "kinds",
    "open_key",
    "purge",
    "save",
    "save_parts",
    "save_uploads",
    "type_of",
]
