"""Asking file systems for their size without ever waiting for a dead file server."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from steersman.services.telemetry.logic.host.disks import Mount, Usage

#: How long a pass waits for a remote file system; the answer may come later and counts for the next pass.
_PATIENCE_SECONDS = 0.2

Statvfs = Callable[[str], os.statvfs_result]


class Usages:
    """The sizes of mounted file systems. A remote one is asked in a thread of its own, once at a time."""

    def __init__(self, statvfs: Statvfs = os.statvfs) -> None:
        self._statvfs = statvfs
        self._asked: dict[str, _Question] = {}

    def measure(self, mounts: list[Mount]) -> dict[Mount, Usage | None]:
        """Return None for a mount that could not be asked or does not answer."""
        return {mount: self._remote(mount) if mount.remote else self._local(mount.mount_point) for mount in mounts}

    def _local(self, mount_point: str) -> Usage | None:
        try:
            return _usage(self._statvfs(mount_point))
        except OSError:
            return None

    def _remote(self, mount: Mount) -> Usage | None:
        question = self._asked.get(mount.mount_point)
        # Whoever did not answer in time is not waited for again, only looked at.
        patience = 0.0
        if question is None:
            patience = _PATIENCE_SECONDS
            question = self._asked[mount.mount_point] = _Question(lambda: self._local(mount.mount_point))
        if not question.done.wait(patience):
            return None
        del self._asked[mount.mount_point]
        return question.answer


class _Question:
    """One call that may never return. Its thread is a daemon, so that it cannot hold up the end of the process."""

    def __init__(self, ask: Callable[[], Usage | None]) -> None:
        self.done = threading.Event()
        self.answer: Usage | None = None
        self._ask = ask
        threading.Thread(target=self._run, name="statvfs", daemon=True).start()

    def _run(self) -> None:
        self.answer = self._ask()
        self.done.set()


def _usage(answer: os.statvfs_result) -> Usage:
    unit = answer.f_frsize
    return Usage(
        size=float(answer.f_blocks * unit),
        free=float(answer.f_bfree * unit),
        available=float(answer.f_bavail * unit),
        files=float(answer.f_files),
        files_free=float(answer.f_ffree),
    )
