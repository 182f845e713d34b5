"""Identity has neither actions nor invariants: its routes and events are what the kit checks."""

from __future__ import annotations

from steersman.contract.testing import Cases

CASES = Cases()
