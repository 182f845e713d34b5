#!/bin/sh
# Install this checkout into the colour that does not run, from the lock and its hashes alone. It starts nothing.
set -eu

root="$1"
here="$(cd "$(dirname "$0")/.." && pwd)"
colour="$(python3 "$here/tools/switch.py" --root "$root" --idle)"

mkdir -p "$root"
python3 -m venv --clear "$root/$colour"
"$root/$colour/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$here/requirements.lock"
"$root/$colour/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation "$here"
"$root/$colour/bin/steersman" --version
echo "$root/$colour is ready: python3 $here/tools/switch.py --root $root"
