"""Privacy has no actions and no invariants: what it does is asked for by people, one by one."""

from __future__ import annotations

from steersman.contract.testing import Cases

CASES = Cases()
