"""Limit how many threads do something at a time, and how many wait for it, in their order.

app/kit/web/serving/slow_clients.py runs this file by its path. So this module must not import the
application.
"""

import math
import threading
from collections import deque

WEIGHT = 1 / 64  # of the latest time in the average
SHORT = 4  # A line of so many threads for each place is never too long.


class WaitingLine:
    """Has a number of places, and a line of threads that wait for one.

    At most `room` threads wait, and fewer if the next one would wait longer than `seconds`, as the
    average of `note` lets expect. A place that becomes free goes to the first in the line, so that
    none waits for ever.
    """

    def __init__(self, places: int, room: int, *, seconds: float = math.inf) -> None:
        self._lock = threading.Lock()
        self._places = self._free = places
        self._average = 0.0  # seconds
        self._waiting: deque[threading.Lock] = deque()
        self.room, self.seconds = room, seconds

    def enter(self, patience: float, *, first: bool = False) -> bool:
        """Take a place, and wait for it at most `patience` seconds. Return whether it is taken.

        Nobody waits if the line is too long, except `first`, who goes to its head.
        """
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            if not patience or (not first and self._is_too_long()):
                return False
            ticket = threading.Lock()
            ticket.acquire()
            (self._waiting.appendleft if first else self._waiting.append)(ticket)
        return ticket.acquire(timeout=patience) or self._was_called(ticket)

    def _was_called(self, ticket: threading.Lock) -> bool:
        """Take a ticket whose time is over from the line, unless it got a place just now."""
        with self._lock:
            if ticket not in self._waiting:
                return True
            self._waiting.remove(ticket)
            return False

    def leave(self) -> None:
        """Give the place to the first in the line, or leave it free."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1

    def note(self, spent: float) -> None:
        """Note for how many seconds a thread needed a place in all, perhaps in several pieces."""
        with self._lock:
            self._average += (spent - self._average) * WEIGHT

    def is_full(self) -> bool:
        """Return whether another thread could not even wait."""
        with self._lock:
            return not self._free and self._is_too_long()

    def _is_too_long(self) -> bool:
        waiting = len(self._waiting)
        expected = (waiting + 1) * self._average / self._places
        return waiting >= self.room or (expected > self.seconds and waiting >= SHORT * self._places)
