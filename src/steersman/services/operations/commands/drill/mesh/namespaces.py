"""The two ends of a wire in network namespaces of their own, with a pair of virtual interfaces between them.

`near` makes the pair, `far` waits for its end of it. Nothing of this is seen in the machine's own namespace: what goes
in and out goes over sockets in a folder, and the namespaces are gone with the last process in them. SIGUSR1 takes the
interface of `near` down, which loses every packet, and SIGUSR2 takes it up again.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from steersman.services.operations.commands.drill.mesh import forwarding
from steersman.services.operations.commands.drill.mesh.clock import pause

# RFC 5737: addresses for documentation, which are nobody's; they exist in these two namespaces only.
_NEAR, _FAR, _BITS, _PORT = "192.0.2.1", "192.0.2.2", 30, 7_000
_PROGRAM = f"{__package__}.namespaces"
_WAIT_SECONDS = 0.05
_PATIENCE = 100


def permitted() -> bool:
    """Whether this user may have namespaces of that kind here."""
    try:
        probe = ["unshare", "-Urn", "ip", "link", "add", "near", "type", "veth", "peer", "name", "far"]
        return subprocess.run(probe, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)  # noqa: S607 - as PATH finds it


def _up(interface: str, address: str) -> None:
    _ip("address", "add", f"{address}/{_BITS}", "dev", interface)
    _ip("link", "set", interface, "up")


def near(folder: Path, stop_file: str) -> None:
    """Make the wire and be its near end: what comes over `near.sock` goes through it."""
    again = [sys.executable, "-m", _PROGRAM, "far", str(folder), stop_file]
    far = subprocess.Popen(["unshare", "-n", *again])  # noqa: S607 - as PATH finds it
    # Until then the child is still in our own namespace, and the pair would not be between two.
    _await(lambda: Path(f"/proc/{far.pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink())
    _ip("link", "add", "near", "type", "veth", "peer", "name", "far", "netns", str(far.pid))
    _up("near", _NEAR)
    signal.signal(signal.SIGUSR1, lambda number, frame: _ip("link", "set", "near", "down"))
    signal.signal(signal.SIGUSR2, lambda number, frame: _ip("link", "set", "near", "up"))
    forwarding.main([stop_file, f"unix:{folder}/near.sock=tcp:{_FAR}:{_PORT}"])


def far(folder: Path, stop_file: str) -> None:
    """Be the far end: what comes through the wire goes out over `out.sock`."""
    _await(lambda: any(name == "far" for _, name in socket.if_nameindex()))
    _up("far", _FAR)
    forwarding.main([stop_file, f"tcp:{_FAR}:{_PORT}=unix:{folder}/out.sock"])


def _await(holds: Callable[[], bool]) -> None:
    for _ in range(_PATIENCE):
        if holds():
            return
        pause(_WAIT_SECONDS)
    raise TimeoutError("the other end of the wire did not come")


def main(arguments: Sequence[str]) -> None:
    {"near": near, "far": far}[arguments[0]](Path(arguments[1]), arguments[2])


if __name__ == "__main__":
    main(sys.argv[1:])
