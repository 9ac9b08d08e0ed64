#!/bin/sh
# Compile requirements/NAME.in to NAME.txt for each NAME, and tell which pins changed.
# LOCK_OPTIONS are those of each file, and LOCK_ARGS those of this time.
set -eu
cd "$(dirname "$0")/.."

pins() {
    sed -n 's/^\([A-Za-z0-9][^ ;]*==[^ ;]*\).*/\1/p' "$1" | sort
}

before=$(mktemp)
after=$(mktemp)
trap 'rm -f "$before" "$after"' EXIT
for name in "$@"; do
    file=requirements/$name.txt
    pins "$file" >"$before"
    # shellcheck disable=SC2086 - each is several options
    .venv-tools/bin/uv pip compile --no-config --quiet $LOCK_OPTIONS \
        --custom-compile-command "make lock (uv pip compile $LOCK_OPTIONS)" ${LOCK_ARGS:-} \
        "requirements/$name.in" -o "$file"
    pins "$file" >"$after"
    echo "» $file"
    diff "$before" "$after" | sed -n 's/^</  without/p; s/^>/  with/p' || true
done
[ -z "$(git status --porcelain -- requirements)" ] || echo "» Next: make setup, then commit requirements/"
