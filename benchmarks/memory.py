"""Measure memory and processor time of a server (Linux only)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass
class Growth:
    """The growth of a process's memory from start to peak, in bytes. Set after the block."""

    most: int | None = None


@contextmanager
def growth(pid: int) -> Iterator[Growth]:
    """Watch a process and its children until the end of the block."""
    found = Growth()
    before: dict[int, int] = {}
    for watched in (pid, *children(pid)):
        with suppress(OSError):
            # This resets the peak to the current value: man 5 proc.
            (PROC / str(watched) / "clear_refs").write_text("5")
            before[watched] = _bytes(watched, "VmRSS")
    yield found
    with suppress(OSError):
        found.most = max(_bytes(each, "VmHWM") - was for each, was in before.items())


def processor_seconds(pid: int) -> float | None:
    """Return the processor time of a process and its children, or None if it is not known."""
    ticks = 0
    try:
        for each in (pid, *children(pid)):
            # The name of the program, in parentheses, may contain spaces.
            fields = (PROC / str(each) / "stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    except OSError:
        return None
    return ticks / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(n) for n in (PROC / f"{pid}/task/{pid}/children").read_text().split()]
    return []


def _bytes(pid: int, name: str) -> int:
    for line in (PROC / str(pid) / "status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"{pid} has no {name}")
