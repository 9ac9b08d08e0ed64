"""Probe services in threads, so a service that hangs does not block the request."""

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
    """The probe did not finish in time."""


class Probe(Generic[T]):
    """A probe that runs in its own thread."""

    def __init__(self, app: Flask, act: Callable[[], T]) -> None:
        self.act = act
        self._began = time.monotonic()
        self._answer: Future[T] = Future()
        threading.Thread(target=self._run, args=(app,), daemon=True).start()

    @property
    def is_over(self) -> bool:
        return self._answer.done()

    def answer(self, patience: float) -> T:
        """Return or raise the result. Raise TookTooLong `patience` seconds after the start.

        If the probe has already hung for longer, this raises at once.
        """
        try:
            return self._answer.result(max(0.0, self._began + patience - time.monotonic()))
        except TimeoutError:
            if self._answer.done():  # The probe itself raised TimeoutError.
                raise
            raise TookTooLong from None

    def _run(self, app: Flask) -> None:
        try:
            with app.app_context():
                reading_only.set(True)
                answer = self.act()
        except Exception as error:
            self._answer.set_exception(error)
        else:
            self._answer.set_result(answer)


def begin(name: str, act: Callable[[], T]) -> Probe[T]:
    """Start a probe in its own app context, and return without waiting.

    Only one probe of a name runs at a time. While it hangs, later callers get the same probe, so
    threads and connections do not pile up.
    """
    app = cast(Any, current_app)._get_current_object()
    probes: dict[str, Probe[T]] = app.extensions.setdefault("probes", {})
    with _lock:
        probe = probes.get(name)
        if probe is None or probe.is_over:
            probe = probes[name] = Probe(app, act)
    return probe
