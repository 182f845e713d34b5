"""Prepares a drill: measures the mesh once, or takes the measurement of an earlier drill, and makes a watcher warm.

A measurement is kept with the ports that the mesh had, since they are part of the names of its series.
"""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from steersman.model.errors import Permanent
from steersman.services.operations.commands.drill import recording as recordings
from steersman.services.operations.commands.drill import warm
from steersman.services.operations.commands.drill.mesh.layout import free_block
from steersman.services.operations.commands.drill.mesh.load import Demand
from steersman.services.operations.commands.drill.recording import Recording
from steersman.services.operations.commands.drill.stage import PORTS, Setting, stage
from steersman.services.operations.commands.drill.warm import Sweep
from steersman.services.operations.commands.drill.watcher import Watcher

_RECORDING, _PORTS, _MEASURING, _WARM = "recording.npz", "recording.json", "measuring", "warm"

NowMs = Callable[[], int]
Say = Callable[[str], None]


def first_port(folder: Path, *, fresh: bool) -> tuple[int, bool]:
    """Return the first port of the drill's block, and whether it is that of a measurement that can be used again."""
    known = folder / _PORTS
    if not fresh and known.exists() and (folder / _RECORDING).exists():
        first = int(json.loads(known.read_text())["first_port"])
        if _is_free(first):
            return first, True
    return free_block(PORTS), False


def _is_free(first: int) -> bool:
    with ExitStack() as held:
        try:
            for port in range(first, first + PORTS):
                held.enter_context(socket.socket()).bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def measured(setting: Setting, sweep: Sweep, now_ms: NowMs, say: Say) -> Recording:
    """Measure the mesh at each level of a sweep, and keep that for another drill."""
    say(f"measuring the mesh at {len(sweep.levels)} levels of load")
    with stage(setting, _MEASURING) as ready:
        ready.wait_until_content()
        ordinary = Demand()
        turn = ready.customers.want
        found = sweep.measure(ready.watcher, now_ms, lambda level: turn(replace(ordinary, rate=ordinary.rate * level)))
    recordings.save(found, setting.folder / _RECORDING)
    (setting.folder / _PORTS).write_text(json.dumps({"first_port": setting.first_port}))
    shutil.rmtree(setting.folder / _MEASURING, ignore_errors=True)
    return found


def measured_before(folder: Path, say: Say) -> Recording:
    """Return the measurement of an earlier drill, at whatever levels that was."""
    say(f"the measurement of an earlier drill is used: {folder / _RECORDING} (--fresh measures anew)")
    return recordings.load(folder / _RECORDING)


def warmed(setting: Setting, found: Recording, now_ms: NowMs, say: Say) -> Path:
    """Send the composed days to a watcher of their own and return its data directory, once it has stopped."""
    folder = setting.folder / _WARM
    shutil.rmtree(folder, ignore_errors=True)
    watcher = Watcher(folder, f"{warm.SETTINGS}\n{setting.settings}")
    with ExitStack() as stack:
        stack.callback(watcher.kill)
        watcher.start()
        sent = warm.send(watcher, found, now_ms())
        say(f"sent {sent:,} samples of fourteen days through the intake")
        if watcher.stop() != 0:
            raise Permanent(f"the watcher that was made warm did not stop in order: {watcher.last_words()}")
    return watcher.data
