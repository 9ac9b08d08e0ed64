"""Keep archives in a folder, or in a bucket of an S3-compatible service."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, Protocol, cast

from flask import current_app

from app.features.backups import pipes
from app.features.backups.errors import BackupRefused, PlaceAway
from app.kit.storage.bucket import Bucket

PART = ".part"
# Seconds after which an unfinished archive belongs to a dead process. The next night may need its
# room, and begins less than a day after the last sign of a backup that was killed.
LEFT_OVER = 12 * 60 * 60
UPLOAD_LEFT_OVER = 24 * 60 * 60  # A bucket tells when an upload began, and not of its last part.
# A bucket takes 10,000 parts, so an archive may have 320 GB. Two parts are in memory at a time.
PART_SIZE = 32 * 1024 * 1024


class BackupPlace(Protocol):
    """A place for archives. Every method raises PlaceAway."""

    def names(self) -> list[str]:
        """Return the names of whole archives, and of other files beside them."""

    def write(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Yield a stream. The archive appears under its name at the end, or not at all."""

    def local(self, name: str) -> AbstractContextManager[Path]:
        """Yield the path of an archive on this machine."""

    def size(self, name: str) -> int: ...

    def delete(self, name: str) -> None: ...

    def tidy(self) -> None:
        """Delete what backups left that were killed hours ago."""


def place(text: str) -> BackupPlace:
    """Return the place that a setting or an option names. Raises BackupRefused."""
    if not text:
        raise BackupRefused("Set BACKUP_TO, or name a folder or s3://BUCKET/PREFIX with --to.")
    scheme, separator, rest = text.partition("://")
    if not separator:
        return BackupFolder(Path(text))
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise BackupRefused(f"{text} is no place for backups: a folder or s3://BUCKET/PREFIX is.")
    return BackupBucket(_bucket(bucket), prefix.strip("/"))


def _bucket(name: str) -> Bucket:
    config = current_app.config

    def setting(suffix: str) -> str:
        return str(config[f"BACKUP_S3_{suffix}"] or config[f"S3_{suffix}"])

    return Bucket(
        name,
        endpoint=setting("ENDPOINT"),
        region=setting("REGION"),
        key=setting("ACCESS_KEY"),
        secret=setting("SECRET_KEY"),
    )


@dataclass(frozen=True)
class BackupFolder:
    """A folder that only this user can open."""

    path: Path

    def names(self) -> list[str]:
        with self._problems():
            if not self.path.exists():
                return []
            found = [one.name for one in self.path.iterdir() if one.is_file()]
        return [name for name in found if not name.endswith(PART)]

    @contextmanager
    def write(self, name: str) -> Iterator[BinaryIO]:
        part = self.path / f"{name}{PART}"
        with self._problems():
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    yield cast(BinaryIO, _FileOfPlace(file, self._problems))
                    file.flush()
                    os.fsync(file.fileno())
                part.rename(self.path / name)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
            _sync(self.path)

    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        yield self.path / name

    def size(self, name: str) -> int:
        with self._problems():
            return (self.path / name).stat().st_size

    def delete(self, name: str) -> None:
        with self._problems():
            (self.path / name).unlink(missing_ok=True)

    def tidy(self) -> None:
        with self._problems():
            remove_left_over(self.path, f"*.backup*{PART}")

    @contextmanager
    def _problems(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise PlaceAway(f"{self.path} cannot be used: {error.strerror or error}.") from error


@dataclass(frozen=True)
class _FileOfPlace:
    """A file whose errors name the place, and not the disk of the database that is read."""

    file: BinaryIO
    problems: Callable[[], AbstractContextManager[None]]

    def write(self, block: bytes) -> int:
        with self.problems():
            return self.file.write(block)

    def flush(self) -> None:
        with self.problems():
            self.file.flush()


def remove_left_over(folder: Path, pattern: str) -> None:
    """Delete the files and folders that a process left hours ago."""
    for one in folder.glob(pattern):
        with suppress(FileNotFoundError):  # Another process has renamed or deleted it.
            if one.lstat().st_mtime < time.time() - LEFT_OVER:
                shutil.rmtree(one) if one.is_dir() else one.unlink()


def _sync(folder: Path) -> None:
    """Write the names of a folder to the disk, so that a power cut takes no archive."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class BackupBucket:
    """A bucket, and a prefix in it. An upload that breaks off leaves no object."""

    bucket: Bucket
    prefix: str

    def names(self) -> list[str]:
        start = self._key("")
        with self._problems():
            pages = self.bucket.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket.name, Prefix=start
            )
            keys = [row["Key"] for page in pages for row in page.get("Contents", [])]
        names = [key.removeprefix(start) for key in keys]
        return [name for name in names if name and "/" not in name]

    @contextmanager
    def write(self, name: str) -> Iterator[BinaryIO]:
        def upload(source: BinaryIO) -> None:
            with self._problems():
                self.bucket.client.upload_fileobj(
                    source, self.bucket.name, self._key(name), Config=_transfer()
                )

        with pipes.into(upload) as sink:
            yield sink

    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        with TemporaryDirectory(prefix="restore-") as folder:
            path = Path(folder) / name
            with self._problems():
                self.bucket.client.download_file(
                    self.bucket.name, self._key(name), str(path), Config=_transfer()
                )
            yield path

    def size(self, name: str) -> int:
        with self._problems():
            found = self.bucket.client.head_object(Bucket=self.bucket.name, Key=self._key(name))
        return int(found["ContentLength"])

    def delete(self, name: str) -> None:
        with self._problems():
            self.bucket.client.delete_object(Bucket=self.bucket.name, Key=self._key(name))

    def tidy(self) -> None:
        """Abort the uploads that a killed process left, which a bucket keeps and charges for."""
        client, before = self.bucket.client, time.time() - UPLOAD_LEFT_OVER
        with self._problems():
            found = client.list_multipart_uploads(Bucket=self.bucket.name, Prefix=self._key(""))
            for one in found.get("Uploads", []):
                if one["Initiated"].timestamp() < before:
                    client.abort_multipart_upload(
                        Bucket=self.bucket.name, Key=one["Key"], UploadId=one["UploadId"]
                    )

    def _key(self, name: str) -> str:
        return f"{self.prefix}/{name}" if self.prefix else name

    @contextmanager
    def _problems(self) -> Iterator[None]:
        boto3, core = import_module("boto3.exceptions"), import_module("botocore.exceptions")
        try:
            yield
        except core.ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            raise PlaceAway(f"The bucket {self.bucket.name} answers {code}.") from error
        except boto3.S3UploadFailedError as error:
            raise PlaceAway(f"The bucket {self.bucket.name} takes no upload: {error}.") from error
        except (core.BotoCoreError, boto3.Boto3Error) as error:
            kind = type(error).__name__
            raise PlaceAway(f"The bucket {self.bucket.name} does not answer ({kind}).") from error


def _transfer() -> Any:
    config: Any = import_module("boto3.s3.transfer")
    return config.TransferConfig(
        multipart_threshold=PART_SIZE, multipart_chunksize=PART_SIZE, use_threads=False
    )
