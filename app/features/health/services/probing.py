"""Looking at what may hang, without hanging along."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar, cast

from flask import Flask, current_app

from app.kit.database import reading_only

T = TypeVar("T")

_lock = threading.Lock()


class TookTooLong(Exception):
    """There was no answer in time."""


class Look(Generic[T]):
    """Something that a thread of its own is looking at."""

    def __init__(self, app: Flask, act: Callable[[], T]) -> None:
        self._began = time.monotonic()
        self._answer: Future[T] = Future()
        threading.Thread(target=self._run, args=(app, act), daemon=True).start()

    @property
    def is_over(self) -> bool:
        return self._answer.done()

    def answer(self, patience: float) -> T:
        """Return or raise what it came to, or raise TookTooLong `patience` seconds after it began.

        Whoever joins a look that has hung for longer than that does not wait at all.
        """
        try:
            return self._answer.result(max(0.0, self._began + patience - time.monotonic()))
        except TimeoutError:
            if self._answer.done():  # The timeout is what was found.
                raise
            raise TookTooLong from None

    def _run(self, app: Flask, act: Callable[[], T]) -> None:
        try:
            with app.app_context():
                reading_only.set(True)
                answer = act()
        except Exception as error:
            self._answer.set_exception(error)
        else:
            self._answer.set_result(answer)


def begin(name: str, act: Callable[[], T]) -> Look[T]:
    """Look at something in an app context of its own, and return without waiting.

    There is at most one look of a name at a time: while what it looks at hangs, the next caller is
    given the same one. So threads and connections do not pile up however often one asks.
    """
    app = cast(Any, current_app)._get_current_object()
    looks: dict[str, Look[T]] = app.extensions.setdefault("looks", {})
    with _lock:
        look = looks.get(name)
        if look is None or look.is_over:
            look = looks[name] = Look(app, act)
    return look
