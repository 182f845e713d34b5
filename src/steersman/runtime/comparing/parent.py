"""Compares passwords with their hashes in processes of their own.

A storm of sign-ins keeps a core busy with hashing. Beside the serving thread, in one interpreter, everybody would wait
for it; a thread of less weight would be put off while it holds the interpreter, which is worse. A process of less
weight holds up nobody. It hears of a password through a pipe, inherits no token from the environment, and ends by
itself when nobody signs in or its parent is gone.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
from collections import deque
from contextlib import suppress
from functools import cache
from typing import IO

from steersman.model.errors import Permanent, Temporary

_COMMAND = (sys.executable, "-P", "-m", "steersman.runtime.comparing.child")
#: One comparison takes 20 ms of a core; this is for a machine that is worth nothing any more.
_PATIENCE_SECONDS = 30.0
#: As many as there are lanes of sign-ins; what was more for a moment is let go.
_KEPT = 2


class Comparing:
    """A few processes that are asked by one thread at a time each. Every method blocks."""

    def __init__(self) -> None:
        # Appending and popping are atomic; nobody else has a process that was popped.
        self._idle: deque[subprocess.Popen[bytes]] = deque()

    def same(self, stored: str, secret: str) -> bool:
        """Tell whether this is the password; raises `Permanent` for a damaged hash, `Temporary` without an answer."""
        question = json.dumps({"stored": stored, "secret": secret}).encode() + b"\n"
        with suppress(IndexError):
            # It may have ended a moment ago, having waited long enough.
            if (word := self._asked(self._idle.pop(), question)) is not None:
                return _read(word)
        if (word := self._asked(_started(), question)) is not None:
            return _read(word)
        raise Temporary("the process that compares passwords ended without an answer")

    def close(self) -> None:
        """End the idle ones."""
        while self._idle:
            _end(self._idle.pop())

    def _asked(self, process: subprocess.Popen[bytes], question: bytes) -> bytes | None:
        word = _answer(process, question)
        if word and len(self._idle) < _KEPT:
            self._idle.append(process)
        else:
            _end(process)
        return word


@cache
def comparing() -> Comparing:
    """Return the one of this process: everybody who signs in shares it."""
    shared = Comparing()
    atexit.register(shared.close)
    return shared


def _answer(process: subprocess.Popen[bytes], question: bytes) -> bytes | None:
    questions, answers = _pipes(process)
    try:
        questions.write(question)
        questions.flush()
    except OSError:
        return None
    if not select.select([answers], [], [], _PATIENCE_SECONDS)[0]:
        return None
    return answers.readline().strip() or None


def _started() -> subprocess.Popen[bytes]:
    kept = {name: value for name, value in os.environ.items() if name.startswith("PYTHON")}
    try:
        # In the session of its parent, where its weight counts against ours; a Ctrl-C there is not meant for it.
        return subprocess.Popen(_COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=kept, process_group=0)
    except OSError as error:
        raise Temporary(f"the process that compares passwords cannot be started: {error.strerror}") from error


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for pipe in _pipes(process):
        with suppress(OSError):
            pipe.close()
    process.wait()


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    questions, answers = process.stdin, process.stdout
    assert questions is not None  # noqa: S101 - narrows the type: a pipe was asked for
    assert answers is not None  # noqa: S101 - the same
    return questions, answers


def _read(word: bytes) -> bool:
    if word not in {b"same", b"other"}:
        raise Permanent("a stored password hash is damaged: set that password anew")
    return word == b"same"
