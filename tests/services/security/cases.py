"""The examples of security for the conformance kit."""

from __future__ import annotations

from steersman.contract.testing import Cases

CASES = Cases()
