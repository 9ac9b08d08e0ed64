"""Run manage.py with the tasks of tests, and with the values of WORKER_<NAME> and LEASES_<NAME>."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.kit.mail import leases
from app.kit.queue import base_worker, worker
from manage import cli
from tests.queue import example_tasks

if __name__ == "__main__":
    example_tasks.register()
    for name, value in os.environ.items():
        for prefix, module in (("WORKER_", worker), ("WORKER_", base_worker), ("LEASES_", leases)):
            constant = name.removeprefix(prefix)
            if name.startswith(prefix) and hasattr(module, constant):
                setattr(module, constant, int(value))
    cli()
