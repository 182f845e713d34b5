"""The examples of compliance for the conformance kit: it only reads, so there is nothing to act upon or to break."""

from __future__ import annotations

from steersman.contract.testing import Cases

CASES = Cases()
