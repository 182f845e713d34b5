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
from steersman.services.operations.commands.drill.stage import PORTS, stage
from steersman.services.operations.commands.drill.trial import Setting
from steersman.services.operations.commands.drill.warm import Sweep
from steersman.services.operations.commands.drill.watcher import Watcher

_RECORDING, _PORTS, _WARM = "recording.npz", "recording.json", "warm"

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


def measured(setting: Setting, sweep: Sweep, say: Say, *, known: bool) -> Recording:
    """Return a measurement of the mesh at each level of a sweep, or that of an earlier drill, whatever it swept."""
    file = setting.folder / _RECORDING
    if known:
        say(f"the measurement of an earlier drill is used: {file} (--fresh measures anew)")
        return recordings.load(file)
    say(f"measuring the mesh at {len(sweep.levels)} levels of load")
    with stage(setting.folder / "measuring", setting.first_port, setting.settings, setting.marker) as ready:
        ready.wait_until_content()
        ordinary = Demand()
        turn = ready.customers.want
        found = sweep.measure(
            ready.watcher, setting.now_ms, lambda level: turn(replace(ordinary, rate=ordinary.rate * level))
        )
    recordings.save(found, file)
    (setting.folder / _PORTS).write_text(json.dumps({"first_port": setting.first_port}))
    shutil.rmtree(setting.folder / "measuring", ignore_errors=True)
    return found


def warmed(setting: Setting, found: Recording, say: Say) -> Path:
    """Send the composed days to a watcher of their own and return its data directory, once it has stopped."""
    folder = setting.folder / _WARM
    shutil.rmtree(folder, ignore_errors=True)
    watcher = Watcher(folder, f"{warm.SETTINGS}\n{setting.settings}")
    with ExitStack() as stack:
        stack.callback(watcher.kill)
        watcher.start()
        sent = warm.send(watcher, found, setting.now_ms())
        say(f"sent {sent:,} samples of fourteen days through the intake")
        if watcher.stop() != 0:
            raise Permanent(f"the watcher that was made warm did not stop in order: {watcher.last_words()}")
    return watcher.data
