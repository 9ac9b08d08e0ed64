"""How much is measured: enough to trust a median, little enough to wait for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    workers: int  # of gunicorn, two threads each
    rounds: int  # each subject has a turn in each
    peer_rounds: int  # where what the kit is compared with takes seconds a request
    seconds: int  # a turn under load
    connections: int  # enough for chance to give each worker its share
    requests: int  # one after another, in a turn that is timed by the request
    few_people: int
    many_people: int
    most_people: int
    writers: int
    transactions: int  # of each writer
    mails: int
    jobs: int
    stock_jobs: int  # for workers that take longer
    kills: tuple[str, ...]  # Each takes a quarter of a minute, but that of the child.


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
    kills=("whole tree", "parent", "child"),
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
    kills=("whole tree", "child"),
)
