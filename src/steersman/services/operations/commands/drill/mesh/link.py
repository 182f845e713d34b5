"""The network between orders and payments: it can be cut, while the services at its ends are well.

Where namespaces are permitted it leads through two of them and is cut by taking an interface down. Elsewhere it is one
relay process on loopback, which is cut by stopping it: connections open, and nothing comes back.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from steersman.services.operations.commands.drill.mesh import namespaces
from steersman.services.operations.commands.drill.mesh.clock import pause

_PACKAGE = __name__.rpartition(".")[0]
_WAIT_SECONDS = 0.05
_PATIENCE = 100


class Link:
    """A wire from one loopback port to another."""

    def __init__(self, listen: int, target: int, stop_file: Path) -> None:
        self._ends = f"tcp:127.0.0.1:{listen}", f"tcp:127.0.0.1:{target}"
        self._stop_file = str(stop_file)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._sockets: Path | None = None
        self.through_namespaces = namespaces.permitted()
        self.cut = False

    def up(self) -> None:
        """Put it up."""
        listen, target = self._ends
        if not self.through_namespaces:
            self._start("forwarding", self._stop_file, f"{listen}={target}")
            return
        # The path of a socket holds 107 bytes, and that of a mesh may be longer.
        folder = self._sockets = Path(tempfile.mkdtemp(prefix="wire-"))
        self._start("namespaces", "near", str(folder), self._stop_file, before=("unshare", "-Urn"))
        outside = f"{listen}=unix:{folder}/near.sock", f"unix:{folder}/out.sock={target}"
        self._start("forwarding", self._stop_file, *outside)
        for _ in range(_PATIENCE):
            if (folder / "near.sock").exists():
                return
            pause(_WAIT_SECONDS)
        raise TimeoutError("the wire through the namespaces did not come up")

    def _start(self, program: str, *arguments: str, before: tuple[str, ...] = ()) -> None:
        command = [*before, sys.executable, "-m", f"{_PACKAGE}.{program}", *arguments]
        self._processes.append(subprocess.Popen(command))

    def lose(self) -> None:
        """Lose everything from now on."""
        self._tell(signal.SIGUSR1 if self.through_namespaces else signal.SIGSTOP)
        self.cut = True

    def mend(self) -> None:
        """Let everything through again."""
        if self.cut:
            self._tell(signal.SIGUSR2 if self.through_namespaces else signal.SIGCONT)
            self.cut = False

    def _tell(self, number: signal.Signals) -> None:
        if not self._processes or self._processes[0].poll() is not None:
            raise ProcessLookupError("the wire is not up")
        self._processes[0].send_signal(number)

    def down(self) -> None:
        """Take it away; the far end follows the stop file, or its parent's end."""
        for process in self._processes:
            process.kill()
            process.wait()
        self._processes.clear()
        if self._sockets is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)
