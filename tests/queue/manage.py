"""Run manage.py with the tasks of tests.

A variable such as WORKER_KILL_AFTER sets a constant: `KILL_AFTER` of app.kit.queue.worker. With
AFTER_BATCH, the job of a bulk operation waits after its first batch: example_tasks.hold.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.kit.mail import leases
from app.kit.operations import bulk
from app.kit.queue import base_worker, progress, worker
from manage import cli
from tests.queue import example_tasks

MODULES_BY_PREFIX = [
    ("LEASES_", leases),
    ("PROGRESS_", progress),
    ("WORKER_", base_worker),
    ("WORKER_", worker),
]

if __name__ == "__main__":
    example_tasks.register()
    for name, value in os.environ.items():
        for prefix, module in MODULES_BY_PREFIX:
            constant = name.removeprefix(prefix)
            if name.startswith(prefix) and hasattr(module, constant):
                setattr(module, constant, int(value))
    if path := os.environ.get("AFTER_BATCH"):
        bulk.let_others_write = lambda: example_tasks.hold(path)
    cli()
