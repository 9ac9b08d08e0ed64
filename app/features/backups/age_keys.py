"""Encrypt archives to public keys in the format of age (age-encryption.org/v1).

The server holds the public keys alone, so a thief of its settings cannot read older backups. The
program `age` decrypts the archives as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from pyrage import (
    DecryptError,
    EncryptError,
    IdentityError,
    RecipientError,
    decrypt_io,
    encrypt_io,
    x25519,
)

from app.features.backups import pipes
from app.features.backups.errors import ArchiveDamaged, BackupRefused, PlaceAway

HEADER = b"age-encryption.org/v1"
# The package has no types.
Recipient: TypeAlias = Any
Identity: TypeAlias = Any


def is_encrypted(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(HEADER)) == HEADER


def make_pair() -> tuple[str, str]:
    """Return a new secret key, and its public key."""
    identity = x25519.Identity.generate()
    return str(identity), str(identity.to_public())


def recipients(texts: Iterable[str]) -> list[Recipient]:
    """Return the public keys. Raises BackupRefused."""
    found = []
    for text in texts:
        try:
            found.append(x25519.Recipient.from_str(text))
        except RecipientError:
            raise BackupRefused(
                f"BACKUP_RECIPIENTS has {text[:12]}…, which is no public key (age1…) of age."
            ) from None
    return found


def identities(path: Path) -> list[Identity]:
    """Return the secret keys in a file, one a line, as age-keygen writes them.

    Raises BackupRefused.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise BackupRefused(f"The file of the secret key cannot be read: {path}.") from None
    keys = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    try:
        found = [x25519.Identity.from_str(key) for key in keys]
    except IdentityError:
        raise BackupRefused(f"{path} has a line that is no secret key of age.") from None
    if not found:
        raise BackupRefused(f"{path} has no secret key.")
    return found


@contextmanager
def encrypted(sink: BinaryIO, to: list[Recipient]) -> Iterator[BinaryIO]:
    """Yield a stream whose content is written to `sink`, encrypted if there are public keys."""
    if not to:
        yield sink
        return

    def encrypt(source: BinaryIO) -> None:
        try:
            encrypt_io(source, sink, to)
        except EncryptError as error:
            raise PlaceAway(f"The backup cannot be written: {error}.") from error

    with pipes.into(encrypt) as plain:
        yield plain


@contextmanager
def decrypted(source: BinaryIO, keys: list[Identity]) -> Iterator[BinaryIO]:
    """Yield a stream with the content of an encrypted archive. Reading raises ArchiveDamaged."""

    def decrypt(sink: BinaryIO) -> None:
        try:
            decrypt_io(source, sink, keys)
        except DecryptError as error:
            if "No matching keys" in str(error):
                raise ArchiveDamaged("The archive is encrypted to another key.") from None
            raise ArchiveDamaged("The archive is no encrypted backup, or is damaged.") from None
        except OSError:
            raise ArchiveDamaged(
                "The archive is damaged or cut off: it cannot be decrypted."
            ) from None

    with pipes.out_of(decrypt) as plain:
        yield plain
