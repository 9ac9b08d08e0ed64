"""Be a crowd: many connections at once that ask for a mix of pages, for a limited time."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

LONGEST_WAIT = 10.0  # seconds for an answer; a later one counts as lost
RETRY = 5.0  # seconds that a refused client stays away, unless Retry-After says so


@dataclass(frozen=True)
class Page:
    """A kind of request, how often it occurs among others, and the requests in bytes."""

    name: str
    share: int
    requests: Sequence[bytes]


@dataclass
class Seen:
    """The observations of a crowd: the seconds of each answer by the name of the page."""

    seconds: float = 0.0  # of the whole run
    processor: float = 0.0  # seconds of a processor that the server took, which the caller sets
    answers: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refused: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    lost: int = 0
    wrong: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def per_second(self) -> float:
        return sum(map(len, self.answers.values())) / self.seconds

    @property
    def per_processor_second(self) -> float:
        """Return the answers for each second of a processor, which other programs hardly change."""
        return sum(map(len, self.answers.values())) / (self.processor or 1.0)

    @property
    def share_refused(self) -> float:
        refused = sum(map(len, self.refused.values()))
        return refused / max(1, refused + sum(map(len, self.answers.values())))

    @property
    def slowest(self) -> float:
        """Return the seconds of the slowest answer, refusals and lost requests included."""
        every = [one for of in (self.answers, self.refused) for some in of.values() for one in some]
        return max([*every, LONGEST_WAIT if self.lost else 0.0], default=0.0)

    def percentile(self, percent: float, names: Sequence[str]) -> float:
        """Return the seconds in which `percent` of the answers of some pages came, or 0."""
        found = sorted(one for name in names for one in self.answers[name])
        return found[min(len(found) - 1, int(len(found) * percent / 100))] if found else 0.0


def visit(port: int, pages: Sequence[Page], *, clients: int, seconds: float) -> Seen:
    """Let so many clients request pages for some seconds, each as soon as it has an answer.

    A client that gets 503 stays away for the seconds of Retry-After, as the server asks for.
    """
    return asyncio.run(_visit(port, pages, clients, seconds))


async def _visit(port: int, pages: Sequence[Page], clients: int, seconds: float) -> Seen:
    seen = Seen()
    began = time.monotonic()
    until = began + seconds
    await asyncio.gather(*(_client(port, pages, n, until, seen) for n in range(clients)))
    seen.seconds = time.monotonic() - began
    return seen


async def _client(port: int, pages: Sequence[Page], number: int, until: float, seen: Seen) -> None:
    chance = random.Random(number)  # so that each run asks for the same
    wire: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    while (left := until - time.monotonic()) > 0:
        page = chance.choices(pages, [one.share for one in pages])[0]
        request = chance.choice(page.requests)
        began = time.monotonic()
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                if wire is None:
                    wire = await asyncio.open_connection("127.0.0.1", port)
                status, retry, closes = await _ask(*wire, request)
        except (OSError, EOFError):
            # The server closed an idle connection, or the answer is late.
            seen.lost += time.monotonic() - began > LONGEST_WAIT / 2
            _close(wire)
            wire = None
            continue
        taken = time.monotonic() - began
        if status == 503:
            seen.refused[page.name].append(taken)
            await asyncio.sleep(min(left, retry * chance.uniform(1, 1.2)))
        elif status < 400:
            seen.answers[page.name].append(taken)
        else:
            seen.wrong[f"{page.name}: {status}"] += 1
        if closes:
            _close(wire)
            wire = None
    _close(wire)


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[int, float, bool]:
    """Return the status, the seconds of Retry-After, and whether the connection ends."""
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    length, retry, closes, chunked = 0, RETRY, False, False
    for line in head[1:]:
        name, _, value = line.lower().partition(b":")
        if name == b"content-length":
            length = int(value)
        elif name == b"retry-after":
            retry = float(value)
        elif name == b"connection":
            closes = value.strip() == b"close"
        elif name == b"transfer-encoding":
            chunked = True
    if chunked:
        while size := int(await reader.readuntil(b"\r\n"), 16):
            await reader.readexactly(size + 2)
        await reader.readexactly(2)
    await reader.readexactly(length)
    return int(head[0].split()[1]), retry, closes


def _close(wire: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None) -> None:
    if wire is not None:
        wire[1].close()
