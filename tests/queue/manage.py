"""manage.py with the tasks of tests, and with what is set for the worker in WORKER_<NAME>."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.queue import worker
from manage import cli
from tests.queue import example_tasks

if __name__ == "__main__":
    example_tasks.register()
    for name, value in os.environ.items():
        if name.startswith("WORKER_"):
            setattr(worker, name.removeprefix("WORKER_"), int(value))
    cli()
