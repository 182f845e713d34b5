"""The certificates of the mesh, made with the system's openssl: an authority of its own, and what it signs.

`python -m ...mesh.certificates FOLDER` makes a new certificate for the service in that folder and asks it to load
it: what an operator's runbook would do.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_EXTENSIONS = "subjectAltName=IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n"
#: Long enough for a drill, and a negative number for one that has expired.
VALID_DAYS = 30
EXPIRED_DAYS = -1


def make_authority(folder: Path) -> None:
    """Make `ca.pem` and its key in a folder."""
    subject = ("-subj", "/CN=mesh authority", "-days", "90")
    use = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
    _openssl("req", "-x509", *_KEY, "-keyout", folder / "ca.key", "-out", folder / "ca.pem", *subject, *use)


def sign(authority: Path, folder: Path, days: int = VALID_DAYS) -> None:
    """Put a new key and certificate for the loopback address into a folder, each in one step."""
    request, extensions = folder / "request.pem", folder / "extensions"
    extensions.write_text(_EXTENSIONS)
    _openssl("req", *_KEY, "-keyout", folder / "key.new", "-out", request, "-subj", "/CN=payments")
    signer = ("-CA", authority / "ca.pem", "-CAkey", authority / "ca.key", "-CAcreateserial")
    period = ("-days", str(days), "-extfile", extensions)
    _openssl("x509", "-req", "-in", request, *signer, *period, "-out", folder / "cert.new")
    (folder / "key.new").replace(folder / "key.pem")
    (folder / "cert.new").replace(folder / "cert.pem")


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)  # noqa: S607 - as PATH finds it


def _ask_to_reload(folder: Path) -> None:
    """Send SIGHUP to the program of a folder, found by its command line as `pkill -HUP -f` does."""
    for process in psutil.process_iter(["cmdline"]):
        if str(folder) in (process.info["cmdline"] or ())[1:] and process.pid != os.getpid():
            process.send_signal(signal.SIGHUP)


if __name__ == "__main__":
    service = Path(sys.argv[1])
    sign(service.parent / "authority", service / "tls")
    _ask_to_reload(service)
    sys.stdout.write(f"{service.name} has a new certificate for {VALID_DAYS} days\n")
