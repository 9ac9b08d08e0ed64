"""HTTPS and profiles for the development server. Like reloading.py, this needs nothing of `app`."""

import sys
import time
from pathlib import Path
from typing import Any

import click
from werkzeug.middleware.profiler import ProfilerMiddleware
from werkzeug.serving import make_ssl_devcert

SHOWN_LINES = 25  # of a profile on stderr
LONGEST_NAME = 80  # of the path in a file's name
ADHOC = "adhoc"
STDERR = "-"


def certificate(cert: str, key: str, folder: Path) -> tuple[str, str] | None:
    """Return the files of a certificate and its key, or None for plain HTTP.

    With "adhoc", a certificate of no authority is made in `folder` and kept, so that a browser
    asks once about it. Raises UsageError.
    """
    if not cert:
        if key:
            raise click.UsageError("--key needs --cert.")
        return None
    if cert != ADHOC:
        files = (cert, key or cert)
        for file in files:
            if not Path(file).is_file():
                raise click.UsageError(f"There is no file {file}.")
        return files
    if key:
        raise click.UsageError("--cert adhoc makes a key of its own. Leave --key out.")
    base = folder / "localhost"
    kept = (f"{base}.crt", f"{base}.key")
    if all(Path(file).is_file() for file in kept):
        return kept
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        return make_ssl_devcert(str(base), host="localhost")
    except TypeError as error:  # the package cryptography came off with a feature
        raise click.UsageError(f"{error} Or name files with --cert and --key.") from None


def profiled(app: Any, place: str) -> Any:
    """Return `app` with a profile of each request: on stderr for "-", else as a file in a folder.

    Only one profile runs at a time, so the caller serves one request after the other.
    """
    if place == STDERR:
        return ProfilerMiddleware(
            app, stream=sys.stderr, sort_by=("cumulative",), restrictions=(SHOWN_LINES,)
        )
    Path(place).mkdir(parents=True, exist_ok=True)
    name: Any = file_name  # Werkzeug's annotation lacks the function that it accepts
    return ProfilerMiddleware(app, stream=None, profile_dir=place, filename_format=name)


def file_name(environ: dict[str, Any]) -> str:
    """Return the name of a request's file, as in `GET.account.login.41ms.1790000000123.prof`."""
    path = environ["PATH_INFO"].strip("/").replace("/", ".") or "root"
    path = "".join(one if one.isalnum() or one in "._-" else "_" for one in path)
    taken = f"{environ['werkzeug.profiler']['elapsed']:.0f}ms"
    at = time.time_ns() // 1_000_000
    return f"{environ['REQUEST_METHOD']}.{path[:LONGEST_NAME]}.{taken}.{at}.prof"
