"""Run the measurements and print one table. `--help` says what can be chosen."""

import argparse
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import NoReturn

from benchmarks import (
    api,
    api_users,
    bulk,
    declared_table,
    exporting,
    jobs_page,
    load,
    mail,
    migrating,
    pages,
    rolling,
    search_index,
    static_files,
    user_list,
    users,
    weight,
    workers,
    writers,
)
from benchmarks.results import Result, table
from benchmarks.sizes import DEFAULT, QUICK
from benchmarks.stand import Stand

MEASUREMENTS: dict[str, Callable[[Stand], Iterator[Result]]] = {
    "login": pages.login,
    "home": pages.signed_in_home,
    "api": api.me,
    "dashboard": users.dashboard,
    "lists": user_list.lists,
    "api users": api_users.users,
    "export": exporting.everyone,
    "table": declared_table.table,
    "table rows": declared_table.many_rows,
    "import": bulk.importing,
    "bulk": bulk.suspending,
    "search index": search_index.writing,
    "adding": users.adding,
    "stylesheet": static_files.stylesheet,
    "weight": weight.first_visits,
    "writers": writers.at_once,
    "migrations": migrating.locks,
    "mail": mail.queueing,
    "mails": workers.mails,
    "jobs": workers.jobs,
    "recovery": workers.recovery,
    "jobs page": jobs_page.jobs_page,
    "rolling": rolling.rolling,
    "load": load.load,
}


def _end(number: int, _frame: object) -> NoReturn:
    """Exit as on Ctrl-C, so that the servers of the run, such as PostgreSQL, are stopped."""
    signal.signal(number, signal.SIG_IGN)  # A second signal must not interrupt the clean-up.
    sys.exit(128 + number)


def main() -> int:
    """Run the measurements, and return 1 as the exit code if a bar is not met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MEASUREMENTS))
    parser.add_argument("--quick", action="store_true", help="fewer people, shorter turns")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(MEASUREMENTS):
        parser.error(f"there is no measurement called {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, _end)
    logging.disable(logging.WARNING)
    started = time.monotonic()
    results = []
    with Stand(QUICK if chosen.quick else DEFAULT) as stand:
        for name in chosen.names or MEASUREMENTS:
            print(f"» {name}", file=sys.stderr, flush=True)
            for result in MEASUREMENTS[name](stand):
                print(f"  {result.subject}: {result.measure}", file=sys.stderr, flush=True)
                results.append(result)
    print(table(results))
    print(f"\n{time.monotonic() - started:.0f} s", file=sys.stderr)
    return 1 if any(result.met is False for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
