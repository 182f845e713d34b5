"""Starting, signalling and ending one process with its group. Knows nothing of services or of who wants what.

A child gets a session of its own, so that neither the platform's end nor a key pressed in its terminal ends it. Every
signal is sent only to the very process that is meant.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from steersman.model.errors import Permanent
from steersman.services.workloads.logic.launch import Launch
from steersman.services.workloads.model.replicas import Identity
from steersman.services.workloads.store import proc

_KILL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Child:
    """A process that this one started, and may therefore wait for."""

    identity: Identity
    popen: subprocess.Popen[bytes]


def spawn(launch: Launch, log: Path) -> Child:
    """Start a process whose output is appended to a file; raises `Permanent` when it cannot be started."""
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with log.open("ab") as output:
        try:
            popen = subprocess.Popen(
                launch.argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=launch.directory,
                env=dict(launch.environment),
                start_new_session=True,
            )
        except OSError as error:
            raise Permanent(f"{launch.argv[0]} does not start: {error.strerror}") from error
    look = proc.look_at(popen.pid)  # it is there, be it as a zombie: nobody else waits for it
    assert look is not None  # noqa: S101 - narrows the type
    return Child(Identity(popen.pid, look.start_ticks, proc.boot_id()), popen)


def send(identity: Identity, number: int) -> bool:
    """Send a signal to this very process; False when it is gone. A pid that was given to another is not hit."""
    try:
        descriptor = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return False
    with closing(os.fdopen(descriptor, "rb", buffering=0)) as held:
        if not proc.lives(identity):
            return False
        try:
            signal.pidfd_send_signal(held.fileno(), signal.Signals(number))
        except ProcessLookupError:
            return False
    return True


def end(identity: Identity, number: int, seconds: float) -> str:
    """End a process and its group: ask, wait, then kill. Returns how it went, in words."""
    name = signal.Signals(number).name
    if not send(identity, number):
        _sweep(identity)
        return "was gone already"
    # A process that was stopped in its tracks hears nothing until it is continued.
    send(identity, signal.SIGCONT)
    how = f"stopped by {name}"
    if not proc.await_end(identity, seconds):
        send(identity, signal.SIGKILL)
        how = f"killed, as {name} had no effect in {seconds:g} s"
        if not proc.await_end(identity, _KILL_SECONDS):
            raise Permanent(f"the process {identity.pid} cannot be killed: it waits inside the kernel")
    _sweep(identity)
    return how


def _sweep(identity: Identity) -> None:
    """Kill what the process left behind in its group; the group's number is not given away while somebody is in it.

    So where another process has the number by now, nothing is left, and who is in that group is not ours.
    """
    holder = proc.look_at(identity.pid)
    if holder is not None and (holder.start_ticks, proc.boot_id()) != (identity.start_ticks, identity.boot):
        return
    left = [look for look in proc.members(identity.pid) if look.session == identity.pid]
    for look in left:
        with suppress(ProcessLookupError):
            os.kill(look.pid, signal.SIGKILL)


def reason_of(status: int | None) -> str:
    """Say how a process ended, as wait tells it."""
    if status is None:
        return "ended while nobody could wait for it"
    if status < 0:
        try:
            return f"was killed by {signal.Signals(-status).name}"
        except ValueError:
            return f"was killed by signal {-status}"
    return f"exited with status {status}"
