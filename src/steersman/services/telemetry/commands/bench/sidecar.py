"""A child process that answers one line of JSON for each line of JSON: work whose CPU must not be the platform's."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, Self

from steersman.model.errors import Permanent


class Sidecar:
    """Runs `python -m module ARGUMENT`. The first line that it prints says that it is ready. Use it as a context."""

    def __init__(self, module: str, argument: dict[str, Any], *, environment: Mapping[str, str] | None = None) -> None:
        self._module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, json.dumps(argument)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.ready = self._answer()

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Send one question and wait for its answer."""
        self.post(question)
        return self._answer()

    def post(self, question: dict[str, Any]) -> None:
        """Send one question; `collect` waits for its answer, so that the caller can do something meanwhile."""
        if self._process.stdin is None or self._process.poll() is not None:
            raise Permanent(f"{self._module} is not running")
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()

    def collect(self) -> dict[str, Any]:
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise Permanent(f"{self._module} ended early")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
