"""Name permissions in JSON: `manage_users` for `Permission.MANAGE_USERS`."""

from collections.abc import Iterable

from app.models import Permission

NAMES = {name.lower(): int(bits) for name, bits in Permission.__members__.items()}


def to_names(bits: int) -> list[str]:
    """Return the names of the permissions that `bits` grant. "administer" stands for all."""
    if Permission.grants(bits, Permission.ADMINISTER):
        return ["administer"]
    return [name for name, bit in NAMES.items() if Permission.grants(bits, bit)]


def to_bits(names: Iterable[str]) -> int:
    """Return the bits of permissions. Raises KeyError for a name that is none."""
    bits = 0
    for name in names:
        bits |= NAMES[name]
    return bits
