"""Connect a writer and a reader in two threads, so that a whole archive is never in memory.

The system's pipe holds 64 kB, and lets the faster side wait.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import IO, Any, BinaryIO, cast

BLOCK = 1024 * 1024  # bytes that are read at once


class BrokenOff(Exception):
    """The writer failed, so its stream has no end."""


class PipeSource:
    """The reading end. After a failure of the writer, its end is an error and no end of file.

    Otherwise, a reader would take what it has for a whole archive.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.is_broken = False

    def read(self, size: int = -1) -> bytes:
        found = self._file.read(size)
        if (size < 0 or len(found) < size) and self.is_broken:
            raise BrokenOff
        return found

    def close(self) -> None:
        self._file.close()


@contextmanager
def into(consume: Callable[[BinaryIO], None]) -> Iterator[BinaryIO]:
    """Yield a stream to write to. `consume` reads it in a thread, and is done at the end.

    Raises the error of either side; of both, the one that came first.
    """
    reading, writing = os.pipe()
    source, sink = PipeSource(os.fdopen(reading, "rb")), os.fdopen(writing, "wb", buffering=BLOCK)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            consume(cast(BinaryIO, source))
        except BaseException as error:
            failures.append(error)
        finally:
            source.close()

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        yield sink
        sink.close()
    except BaseException:
        # A reader that failed first has closed the pipe, and so caused the failure of the writer.
        first = failures[0] if failures else None
        source.is_broken = True
        with suppress(OSError):
            sink.close()
        thread.join()
        if first is not None:
            raise first from None
        raise
    thread.join()
    if failures:
        raise failures[0]


class ProducedStream:
    """The reading end of a thread that writes. Its end raises the error of the thread."""

    def __init__(self, file: IO[bytes], thread: Thread, failures: list[BaseException]) -> None:
        self._file, self._thread, self._failures = file, thread, failures

    def read(self, size: int = -1) -> bytes:
        found = self._file.read(size)
        if size < 0 or len(found) < size:
            self._thread.join()
            if self._failures:
                raise self._failures[0]
        return found


@contextmanager
def out_of(produce: Callable[[BinaryIO], None]) -> Iterator[BinaryIO]:
    """Yield a stream to read, which `produce` writes in a thread.

    A caller that stops early stops the thread as well.
    """
    reading, writing = os.pipe()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            with os.fdopen(writing, "wb", buffering=BLOCK) as sink:
                produce(sink)
        except BaseException as error:
            failures.append(error)

    thread = Thread(target=run, daemon=True)
    with os.fdopen(reading, "rb") as file:
        thread.start()
        try:
            yield cast(BinaryIO, ProducedStream(file, thread, failures))
        finally:
            file.close()
            thread.join()


def copy(source: Any, *sinks: Callable[[bytes], Any]) -> int:
    """Pass a stream to functions block by block, and return its size."""
    size = 0
    while block := source.read(BLOCK):
        size += len(block)
        for sink in sinks:
            sink(block)
    return size
