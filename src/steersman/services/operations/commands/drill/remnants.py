"""Finds and ends whatever a drill started, its children's children too, also when a parent died or a scenario failed.

Every process of a drill inherits one variable in its environment with a value of that drill, and nothing else carries
that value. So the sweep finds what was re-parented or moved into a session of its own, and never ends a stranger.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

MARKER = "DRILL_MARKER"
_SWEEPS = 10
_WAIT_SECONDS = 1.0


@contextmanager
def marking() -> Iterator[str]:
    """Mark everything that this process starts, and leave nothing of it alive behind, whatever happens."""
    marker = f"drill-{os.getpid()}-{secrets.token_hex(8)}"
    before = os.environ.get(MARKER)
    os.environ[MARKER] = marker
    try:
        yield marker
    finally:
        sweep(marker)
        if before is None:
            del os.environ[MARKER]
        else:
            os.environ[MARKER] = before


def marked(marker: str) -> Iterator[psutil.Process]:
    """Yield every living process that carries the marker; this one never does."""
    for process in psutil.process_iter():
        try:
            carries = process.environ().get(MARKER) == marker
            alive = process.status() != psutil.STATUS_ZOMBIE
        except (psutil.Error, OSError):
            continue  # it ended meanwhile, or belongs to somebody else
        if carries and alive and process.pid != os.getpid():
            yield process


def sweep(marker: str) -> int:
    """Kill what carries the marker until nothing does, also what comes to life meanwhile; return how many."""
    ended: set[int] = set()
    for _ in range(_SWEEPS):
        found = list(marked(marker))
        if not found:
            break
        for process in found:
            ended.add(process.pid)
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(found, timeout=_WAIT_SECONDS)
    return len(ended)
