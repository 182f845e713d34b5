#!/bin/sh
# Install the Debian packages of the real peers that tests measure against. Where that may not be done, name what is
# missing and go on: the tests that need it are skipped by name, and in CI (CI=true) they fail.
set -eu

packages="prometheus prometheus-node-exporter victoria-metrics postgresql chromium chromium-driver strace iproute2 curl faketime e2fsprogs openssl"

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "No dpkg here: the tests use whatever of these is on the PATH: $packages"
    exit 0
fi

missing=""
for package in $packages; do
    state="$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)"
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "Not installed, and only root may install them:$missing"
    echo "The tests that need them will be skipped. To have them: apt-get install$missing"
    exit 0
fi

# The packages start their services when they are installed. Nothing should listen here that nobody asked for, and
# in a container without an init system starting them can hang, so Debian's own switch forbids it meanwhile.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

echo "Installing:$missing"
export DEBIAN_FRONTEND=noninteractive
quiet="-qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120"
log="$(mktemp)"
# shellcheck disable=SC2086
install_all() {
    apt-get $quiet update && apt-get $quiet install --yes --no-install-recommends $missing
}
if ! install_all </dev/null >"$log" 2>&1; then
    tail -n 20 "$log"
    echo "Some packages could not be installed:$missing"
fi
rm -f "$log"
