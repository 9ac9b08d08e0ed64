"""Run manage.py with the tasks of tests, and with the values of WORKER_<NAME> and CLAIMS_<NAME>."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.kit.mail import leases
from app.kit.queue import worker
from manage import cli
from tests.queue import example_tasks

if __name__ == "__main__":
    example_tasks.register()
    for name, value in os.environ.items():
        for module in (worker, leases):
            prefix = f"{module.__name__.rpartition('.')[2].upper()}_"
            if name.startswith(prefix):
                setattr(module, name.removeprefix(prefix), int(value))
    cli()
