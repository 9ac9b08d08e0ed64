"""Define the sizes of the measurements: large enough for a reliable median, but not too slow."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    workers: int  # of gunicorn, with two threads each
    rounds: int  # with a turn for each subject
    peer_rounds: int  # for peers that take seconds per request
    seconds: int  # per turn under load
    connections: int  # enough to distribute evenly over the workers
    requests: int  # one after another, per turn that times single requests
    few_people: int
    many_people: int
    most_people: int
    writers: int
    transactions: int  # per writer
    mails: int
    jobs: int
    stock_jobs: int  # for slower workers
    failed_jobs: int  # in the registry of failed jobs
    crowds: tuple[int, int, int]  # of clients at once
    crowd_seconds: int  # for each crowd
    kills: tuple[str, ...]  # each takes a quarter of a minute, except "child"
    pause: float  # seconds before and after each restart of a web service


DEFAULT = Sizes(
    workers=2,
    rounds=5,
    peer_rounds=3,
    seconds=2,
    connections=16,
    requests=15,
    few_people=1_000,
    many_people=100_000,
    most_people=1_000_000,
    writers=4,
    transactions=500,
    mails=300,
    jobs=1000,
    stock_jobs=30,
    failed_jobs=100_000,
    crowds=(8, 128, 600),
    crowd_seconds=15,
    kills=("whole tree", "parent", "child"),
    pause=2,
)
QUICK = Sizes(
    workers=2,
    rounds=3,
    peer_rounds=1,
    seconds=1,
    connections=16,
    requests=10,
    few_people=1_000,
    many_people=20_000,
    most_people=20_000,
    writers=4,
    transactions=100,
    mails=100,
    jobs=300,
    stock_jobs=15,
    failed_jobs=100_000,
    crowds=(8, 128, 600),
    crowd_seconds=6,
    kills=("whole tree", "child"),
    pause=2,
)
