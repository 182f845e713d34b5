"""Where the door notes what it saw; written a moment later, and bounded, by whoever keeps the journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Telling(Protocol):
    """Where attacks are noted."""

    def note(self, type: str, subject: str, payload: Mapping[str, object]) -> None:
        """Note something, unless its kind has used up its allowance."""


class Silent:
    """Tells nobody: for an application without identity, which has no journal of refusals."""

    def note(self, type: str, subject: str, payload: Mapping[str, object]) -> None:
        """Forget it."""
