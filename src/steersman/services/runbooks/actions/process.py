"""Runs a declared command: no shell, a clean environment, a group of its own that is ended as a whole at the deadline.

Its output is read to the end and its last 4 KiB are kept. It holds no terminal and none of the platform's files.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from steersman.model.errors import Permanent

#: What is kept of the output.
_TAIL_BYTES = 4096
#: How long a group has to end by itself, after it was asked to.
_GRACE_SECONDS = 2.0
#: How long after the end of a command its output may still come; a daemon that it left behind keeps the pipe open.
_LAST_WORDS_SECONDS = 0.5
_CLEAN = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/"}


@dataclass(frozen=True, slots=True)
class Ending:
    """How a command ended. The code is negative where a signal ended it, None where the deadline did."""

    code: int | None
    output: str


def run(command: Sequence[str], folder: str, environment: Mapping[str, str], timeout_seconds: float) -> Ending:
    """Run a command to its end or its deadline; raises `Permanent` where it cannot be started at all."""
    with _started(command, folder, {**_CLEAN, **environment}) as process:
        assert process.stdout is not None  # noqa: S101 - narrows the type; it was opened as a pipe
        tail = bytearray()
        reader = threading.Thread(target=_read, args=(process.stdout, tail), name="runbook-output", daemon=True)
        reader.start()
        code = _wait(process, timeout_seconds)
        reader.join(_LAST_WORDS_SECONDS)
        return Ending(code, bytes(tail).decode(errors="replace"))


@contextmanager
def _started(command: Sequence[str], folder: str, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        process = subprocess.Popen(
            list(command),
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise Permanent(f"the command {command[0]} does not start: {error.strerror}") from error
    try:
        yield process
    finally:
        if process.poll() is None:
            _signal(process, signal.SIGKILL)
            process.wait()


def _wait(process: subprocess.Popen[bytes], timeout_seconds: float) -> int | None:
    with suppress(subprocess.TimeoutExpired):
        return process.wait(timeout_seconds)
    _signal(process, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_SECONDS)
    # Also where the command itself has ended by now: what it started may not have.
    _signal(process, signal.SIGKILL)
    process.wait()
    return None


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal the whole group; its id is the command's, and cannot be another's while one of the group is left."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _read(pipe: IO[bytes], tail: bytearray) -> None:
    with pipe:
        while chunk := os.read(pipe.fileno(), 65536):
            tail += chunk
            del tail[:-_TAIL_BYTES]


def still_running(variable: str) -> bool:
    """Tell whether any process has this `NAME=value` in its environment, as a run does that outlived the platform."""
    wanted = variable.encode()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if wanted in entry.read_bytes().split(b"\0"):
                return True
    return False
