"""Write and read an archive: a tar of the database, the stored files, and a manifest at its end.

It is written and read as a stream. The database comes in pieces, because nobody knows its size
before. The manifest has checksums, so an archive without one was cut off.
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from io import BytesIO
from typing import Any, BinaryIO, Self, cast, get_args, get_origin, get_type_hints

from app.features.backups import pipes
from app.features.backups.errors import ArchiveDamaged, BackupRefused

FORMAT = 1
PIECE = 8 * 1024 * 1024  # bytes of the database in a member
LARGEST_MANIFEST = 16 * 1024 * 1024
ABOUT, DATABASE, FILES, MANIFEST = "about.json", "database/", "files/", "manifest.json"
# As app.kit.storage generates keys: no archive can name another path.
KEY = re.compile(r"[A-Za-z0-9_-]{1,48}/[0-9a-f]{32}(\.[A-Za-z0-9_-]{1,32})?")
TYPE = "KIT.content_type"


@dataclass
class Contents:
    """The number, size and checksum of the members of one kind."""

    count: int = 0
    size: int = 0
    sha256: str = ""


@dataclass
class BackupManifest:
    """The contents and the origin of an archive."""

    made_at: str
    """The time of the snapshot, in ISO 8601."""
    app: str
    version: str
    """The version of the product."""
    kit: str
    """The release of the kit."""
    secret_key: str
    """A fingerprint of SECRET_KEY, without which encrypted columns cannot be read."""
    engine: str
    """sqlite or postgresql."""
    engine_version: int
    tool_version: int
    """The version of pg_dump, or 0."""
    revisions: list[str]
    rows: dict[str, int]
    """The number of rows of each table."""
    database: Contents = field(default_factory=Contents)
    files: Contents = field(default_factory=Contents)
    missing_files: int = 0
    """Files of rows that the storage did not have."""
    format: int = FORMAT

    @property
    def time(self) -> datetime:
        return datetime.fromisoformat(self.made_at)

    @classmethod
    def parsed(cls, content: bytes) -> BackupManifest:
        try:
            values: dict[str, Any] = json.loads(content)
            for name in ("database", "files"):
                values[name] = Contents(**values[name])
            found = cls(**values)
            kinds = get_type_hints(cls)
            are_sound = all(_is_of(getattr(found, name), kind) for name, kind in kinds.items())
            if not (are_sound and found.time.tzinfo and all(map(str.isprintable, found.rows))):
                raise ValueError("a value is of another kind")
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ArchiveDamaged("The manifest of the archive cannot be read.") from None
        return found


def _is_of(value: Any, kind: Any) -> bool:
    """Tell whether a value that was read from JSON has a type of the manifest."""
    parts = get_args(kind)
    if not parts:
        return type(value) is kind
    items = value.values() if isinstance(value, dict) else value
    return isinstance(value, get_origin(kind)) and all(_is_of(one, parts[-1]) for one in items)


@dataclass(frozen=True)
class ArchivedFile:
    """A stored file in an archive."""

    key: str
    size: int
    content_type: str

    @property
    def head(self) -> bytes:
        """The bytes that the checksum covers before the content."""
        return f"{self.key}\0{self.size}\0{self.content_type}\0".encode()


class ArchiveWriter:
    """Writes an archive to a stream, and nothing more once it has failed."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = _Sink(sink)
        self._tar = tarfile.open(  # noqa: SIM115
            fileobj=cast(BinaryIO, self._sink), mode="w|", format=tarfile.PAX_FORMAT
        )
        self._of_files = hashlib.sha256()
        self._add(ABOUT, json.dumps({"format": FORMAT}).encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        self._sink.is_over = kind is not None

    def add_database(self, blocks: Iterable[bytes]) -> Contents:
        """Write the database in pieces of the same size."""
        contents, checksum, piece = Contents(), hashlib.sha256(), bytearray()
        for block in blocks:
            checksum.update(block)
            contents.size += len(block)
            piece += block
            while len(piece) >= PIECE:
                self._add_piece(contents, bytes(piece[:PIECE]))
                del piece[:PIECE]
        if piece:
            self._add_piece(contents, bytes(piece))
        contents.sha256 = checksum.hexdigest()
        return contents

    def _add_piece(self, contents: Contents, piece: bytes) -> None:
        contents.count += 1
        self._add(f"{DATABASE}{contents.count:08}", piece)

    def add_file(self, file: ArchivedFile, source: BinaryIO) -> None:
        """Write a stored file.

        Raises OSError if it is shorter than it said, and BackupRefused for a key that a restore
        would refuse.
        """
        if not KEY.fullmatch(file.key):
            raise BackupRefused(f"A stored file has an odd key: {file.key!r}.")
        self._of_files.update(file.head)
        info = tarfile.TarInfo(f"{FILES}{file.key}")
        info.size, info.mode = file.size, 0o600
        info.pax_headers = {TYPE: file.content_type}
        self._tar.addfile(info, cast(BinaryIO, _Hashed(source, self._of_files.update)))

    def checksum_of_files(self) -> str:
        return self._of_files.hexdigest()

    def finish(self, manifest: BackupManifest) -> None:
        self._add(MANIFEST, json.dumps(asdict(manifest)).encode())
        self._tar.close()

    def _add(self, name: str, content: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(content), 0o600
        self._tar.addfile(info, BytesIO(content))


class _Sink:
    """A stream that passes on what is written until it is over.

    tarfile writes the rest of its buffer when Python deletes it, also to a disk that is full.
    """

    def __init__(self, sink: BinaryIO) -> None:
        self._sink, self.is_over = sink, False

    def write(self, block: bytes) -> int:
        return len(block) if self.is_over else self._sink.write(block)


class _Hashed:
    """A stream that passes on what is read of it."""

    def __init__(self, source: BinaryIO, update: Callable[[bytes], None]) -> None:
        self._source, self._update = source, update

    def read(self, size: int = -1) -> bytes:
        found = self._source.read(size)
        self._update(found)
        return found


@dataclass(frozen=True)
class ArchiveReader:
    """Reads an archive from its start, once for each method."""

    opened: Callable[[], AbstractContextManager[BinaryIO]]
    """Return the archive as a stream, decrypted."""

    def verify(self) -> BackupManifest:
        """Read everything, and compare it with the manifest. Raises ArchiveDamaged."""
        database, files = Contents(), Contents()
        of_database, of_files = hashlib.sha256(), hashlib.sha256()
        manifest: BackupManifest | None = None
        with self._members() as members:
            for name, info, content in members:
                if manifest is not None:
                    raise ArchiveDamaged("The archive goes on after its manifest.")
                if name.startswith(DATABASE):
                    database.count += 1
                    database.size += pipes.copy(content, of_database.update)
                elif name.startswith(FILES):
                    file = _file(name, info)
                    of_files.update(file.head)
                    files.count += 1
                    files.size += pipes.copy(content, of_files.update)
                elif name == MANIFEST and info.size <= LARGEST_MANIFEST:
                    manifest = BackupManifest.parsed(content.read())
                else:
                    raise ArchiveDamaged("The archive has a part that no backup has.")
        if manifest is None:
            raise ArchiveDamaged("The archive is cut off: it has no manifest.")
        database.sha256, files.sha256 = of_database.hexdigest(), of_files.hexdigest()
        if database != manifest.database or files != manifest.files:
            raise ArchiveDamaged("The checksums of the archive do not match its content.")
        return manifest

    def files(self) -> Iterator[tuple[ArchivedFile, BinaryIO]]:
        """Yield the stored files. Read each before the next."""
        with self._members() as members:
            for name, info, content in members:
                if name.startswith(FILES):
                    yield _file(name, info), content

    def database(self) -> Generator[bytes, None, None]:
        """Yield the database in blocks."""
        with self._members() as members:
            for name, _info, content in members:
                if not name.startswith(DATABASE):
                    return
                while block := content.read(pipes.BLOCK):
                    yield block

    @contextmanager
    def _members(self) -> Iterator[Iterator[tuple[str, tarfile.TarInfo, BinaryIO]]]:
        """Yield the members after the first. Raises ArchiveDamaged if there is no such archive."""
        with self.opened() as source:
            try:
                with tarfile.open(fileobj=source, mode="r|") as tar:
                    members = _regular(tar, source)
                    name, _info, content = next(members, ("", None, BytesIO()))
                    if name != ABOUT:
                        raise ArchiveDamaged("This file is no backup.")
                    _check_format(content.read(1024))
                    yield members
            except (tarfile.TarError, EOFError, UnicodeDecodeError):
                raise ArchiveDamaged("The archive is damaged, cut off, or no backup.") from None
            except OSError as error:
                raise ArchiveDamaged(f"The archive cannot be read: {error}.") from error


def _regular(
    tar: tarfile.TarFile, source: BinaryIO
) -> Iterator[tuple[str, tarfile.TarInfo, BinaryIO]]:
    for info in tar:
        content = tar.extractfile(info) if info.isreg() else None
        if content is None:
            raise ArchiveDamaged("The archive has a part that no backup has.")
        yield info.name, info, cast(BinaryIO, content)
    pipes.copy(source)  # An encrypted archive proves at its end that nothing was cut off.


def _file(name: str, info: tarfile.TarInfo) -> ArchivedFile:
    key = name.removeprefix(FILES)
    if not KEY.fullmatch(key):
        raise ArchiveDamaged("The archive has a file with a name that no stored file has.")
    return ArchivedFile(key, info.size, info.pax_headers.get(TYPE, ""))


def _check_format(about: bytes) -> None:
    try:
        values: Any = json.loads(about)
        number = int(values["format"])
    except (ValueError, TypeError, KeyError):
        raise ArchiveDamaged("This file is no backup.") from None
    if number > FORMAT:
        raise ArchiveDamaged(
            f"The archive has the format {number}, and this code knows {FORMAT} at most. "
            "Restore it with the code that made it, or newer code."
        )
