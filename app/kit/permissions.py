"""The texts of permission bits, and the check that each bit and each text is there once."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntFlag

from flask import current_app

# The kit's permissions stay below the first bit of a copy, so that a merge assigns no bit twice.
FIRST_BIT_OF_A_COPY = 2**16
LAST_BIT_OF_A_COPY = 2**29  # a column of integers holds 31 bits; the last one stays free


@dataclass(frozen=True)
class PermissionText:
    """The name of a permission on the page of a role, and a sentence that describes it."""

    name: str
    sentence: str
    opens_admin: bool = False
    """Whether a page of the admin requires it, so that menus link to the admin."""


def check_permissions(
    permissions: type[IntFlag], texts: dict[int, PermissionText], *, every: int
) -> None:
    """Raise ValueError for permissions without a bit, name or text of their own.

    `every` is the permission that grants all others, and has several bits.
    """
    for permission in permissions:
        if permission not in texts:
            raise ValueError(
                f"{permission.name} needs a text in PERMISSION_TEXTS (app/models/role.py)"
            )
    for bits, told in texts.items():
        if bits == every:
            continue
        if bits.bit_count() != 1 or bits == 0x80 or not 0 < bits <= LAST_BIT_OF_A_COPY:
            raise ValueError(
                f"The permission {told.name} needs one bit of its own, from 2**16 to 2**29, "
                f"and has {bits:#x} (app/models/role.py)"
            )
    names = [told.name for told in texts.values()]
    if len(set(names)) < len(names):
        raise ValueError("Two permissions have the same name in PERMISSION_TEXTS")


def permissions_asked(texts: Iterable[int]) -> set[int]:
    """Return the permissions that views ask for, and those of the copy.

    A permission of the kit opens nothing after the features with its pages were removed.
    """
    asked = {getattr(view, "permission", 0) for view in current_app.view_functions.values()}
    return asked | {bit for bit in texts if bit >= FIRST_BIT_OF_A_COPY}


def within(held: int, scopes: int | None, *, every: int) -> int:
    """Return the bits of `held` that `scopes` leave, or all of them if there are no scopes.

    The bits `every` grant all others, also those that are added to the app later.
    """
    if scopes is None:
        return held
    return scopes if held & every == every else held & scopes
