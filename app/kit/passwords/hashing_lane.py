"""Hash passwords in a lane of their own, so that many sign-ins at once hold nobody else up.

A hash keeps a processor busy for tens of milliseconds, without Python's lock. In a web process a
few hashes run at a time, others wait for them, and more are refused. A request has no turn to run
the application while it hashes or waits, so that another request runs.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.kit.passwords import OpenLane
from app.kit.web.serving.waiting_line import WaitingLine


class HashingBusy(Exception):
    """Raised if too many passwords wait to be hashed already, or if one has waited too long."""


class HashingLane(OpenLane):
    """Computes `slots` hashes at a time, while at most `room` wait for `seconds` at most.

    `give_way` gives up the turn of the thread to run the application, and `come_back` takes one
    if there is one. It must not wait: the thread may hold the write lock of SQLite, for which the
    threads with a turn may wait.
    """

    def __init__(
        self,
        *,
        slots: int,
        room: int,
        seconds: float,
        give_way: Callable[[], None],
        come_back: Callable[[], object],
    ) -> None:
        self._line = WaitingLine(slots, room)
        self._seconds = seconds
        self._give_way, self._come_back = give_way, come_back

    def ensure_room(self) -> None:
        if self._line.is_full():
            raise HashingBusy

    @contextmanager
    def slot(self) -> Iterator[None]:
        self.ensure_room()
        self._give_way()
        try:
            if not self._line.enter(self._seconds):
                raise HashingBusy
            try:
                yield
            finally:
                self._line.leave()
        finally:
            self._come_back()
