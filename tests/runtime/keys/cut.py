"""Cuts a piece of work short at any call of the system that writes, as a kill does: nothing behind it is done."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


class Killed(BaseException):
    """No `except` of the code that was cut takes it for an error."""


def cut(monkeypatch: pytest.MonkeyPatch, at: int, work: Callable[[], Any]) -> bool:
    """Run, and stop before the call number `at`; returns whether there were so many."""
    done = 0

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*given: Any, **named: Any) -> Any:
            nonlocal done
            done += 1
            if done >= at:
                raise Killed
            return call(*given, **named)

        return instead

    with monkeypatch.context() as patch:
        for name in ("write", "pwrite", "fsync"):
            patch.setattr(os, name, counted(getattr(os, name)))
        for name in ("replace", "unlink"):
            patch.setattr(Path, name, counted(getattr(Path, name)))
        try:
            work()
        except Killed:
            return True
    return False
