"""Where the work at hand comes from: noted by the request, read by what keeps a record of it."""

from dataclasses import dataclass

from flask import g, has_app_context


@dataclass(frozen=True)
class Origin:
    """The network address and browser of whoever asks, and the id of the request."""

    address: str = ""
    device: str = ""
    request_id: str = ""


def note(*, address: str, device: str) -> None:
    """Remember where the present request comes from."""
    g.address, g.device = address[:45], device[:255]


def current() -> Origin:
    """Return where the present request comes from; a command or the worker has an empty one.

    A job has the id of the request that caused it.
    """
    if not has_app_context():
        return Origin()
    return Origin(g.get("address", ""), g.get("device", ""), g.get("request_id", ""))
