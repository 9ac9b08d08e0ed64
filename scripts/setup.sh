#!/bin/sh
# Find a Python that is new enough and has its venv module, and let scripts/setup.py do the rest.
# Set PYTHON to choose one. 3.12 comes first: .python-version and the Dockerfile name it.
set -u
cd "$(dirname "$0")/.." || exit 1

too_old=
no_venv=
for python in "${PYTHON:-}" .venv/bin/python python3.12 python3.11 python3.13 python3.14 python3 python; do
    [ -n "$python" ] && command -v "$python" >/dev/null 2>&1 || continue
    version=$("$python" -c 'import platform; print(platform.python_version())' 2>/dev/null) || continue
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        too_old="$python $version"
    elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        no_venv="$python"
    else
        exec "$python" scripts/setup.py "$@"
    fi
done

if [ -n "$no_venv" ]; then
    minor=$("$no_venv" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "$no_venv (Python $minor) has no venv module: install it (on Debian and Ubuntu: apt install python$minor-venv), then run this again." >&2
elif [ -n "$too_old" ]; then
    echo "Python 3.11 or later is needed, and only $too_old was found: install a newer one, then run this again." >&2
else
    echo "Python 3.11 or later is needed, and none was found: install it from https://www.python.org or your system's packages, then run this again." >&2
fi
exit 1
