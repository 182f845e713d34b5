#!/bin/sh
# Make .venv with the first Python that is new enough, or say in plain words what is missing.
set -eu

least="3.11"
found=""
for candidate in python3 python3.13 python3.12 python3.11 python3.14 python; do
    command -v "$candidate" >/dev/null 2>&1 || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        found="$candidate"
        break
    fi
done

if [ -z "$found" ]; then
    echo "Steersman needs Python $least or newer, and none was found on the PATH." >&2
    echo "On Debian or Ubuntu: apt-get install python3 python3-venv" >&2
    exit 1
fi

if ! "$found" -c 'import ensurepip, venv' 2>/dev/null; then
    version="$("$found" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
    echo "$found ($version) cannot make a virtual environment: the package python3-venv is missing." >&2
    echo "On Debian or Ubuntu: apt-get install python3-venv   (or python$version-venv)" >&2
    exit 1
fi

echo "Creating .venv with $("$found" --version) ..."
# A half-made .venv, from a first try without python3-venv, is replaced.
"$found" -m venv --clear .venv
