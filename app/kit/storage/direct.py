"""Let browsers send files to the bucket, and read them from it, past the app."""

from __future__ import annotations

from dataclasses import dataclass

from app.extensions import db
from app.kit.storage.backend import Missing, backend
from app.kit.storage.bucket import Bucket
from app.kit.storage.content import HEAD, UNKNOWN, type_of
from app.kit.storage.files import TO_UPLOAD, FileRefused, announce, drop, ensure_size
from app.kit.storage.models import StoredFile
from app.kit.web.downloads import disposition

TO_DOWNLOAD = 60  # seconds


@dataclass(frozen=True)
class Upload:
    """An upload that a browser may make: a PUT to `url` with the content type UNKNOWN."""

    file: StoredFile
    url: str
    content_type: str = UNKNOWN


def begin_upload(kind: str, *, size: int, most: int, file_name: str = "") -> Upload | None:
    """Prepare the upload of `size` bytes, or return None without a bucket: send it to the app.

    Commits. The bucket refuses other sizes, and the URL is good for 15 minutes. Raises TooLarge,
    FileRefused and Away.
    """
    bucket = backend()
    if not isinstance(bucket, Bucket):
        return None
    ensure_size(size, most)
    file = announce(kind, parts=[""], size=size, content_type=UNKNOWN, file_name=file_name)
    seconds = int(TO_UPLOAD.total_seconds())
    return Upload(file, bucket.upload_url(file.key, size, UNKNOWN, seconds))


def finish_upload(file: StoredFile) -> StoredFile:
    """Check a file that a browser has sent, and note the type that its content has.

    The caller has checked that the upload belongs to the user, refers to the file and commits.
    Raises FileRefused if it did not arrive whole, and Away.
    """
    key, size = file.key, file.size
    db.session.commit()  # nobody waits for the bucket
    try:
        arrived = backend().size(key)
        with backend().get(key) as stream:
            head = stream.read(HEAD)
    except Missing:
        arrived, head = -1, b""
    if arrived != size:
        drop([file])
        raise FileRefused("The file did not arrive whole. Send it again.")
    file.content_type = type_of(head)
    return file


def download_url(file: StoredFile, part: str = "") -> str | None:
    """Return a URL for a file in the bucket, good for a minute, or None without a bucket.

    Ask who may read the file first: the URL opens it for everyone who has it.
    """
    bucket = backend()
    if not isinstance(bucket, Bucket):
        return None
    name = disposition(file.shown_name, inline=False)
    return bucket.download_url(file.key_of(part), name, file.content_type, TO_DOWNLOAD)
