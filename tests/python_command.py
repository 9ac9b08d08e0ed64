"""Do in a forked process what `python` does with its arguments."""

import runpy
import sys
from collections.abc import Sequence


def run(arguments: Sequence[str]) -> None:
    """Run the code after `-c`, the module after `-m`, or a file."""
    if arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        exec(arguments[1], {"__name__": "__main__"})  # noqa: S102 - as Python does
    elif arguments[0] == "-m":
        sys.argv = list(arguments[1:])
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = list(arguments)
        runpy.run_path(arguments[0], run_name="__main__")
