"""The examples of secrets for the conformance kit: a rotation, and a ring that others can read."""

from __future__ import annotations

from steersman.contract.ports import Context
from steersman.contract.testing import ActionCase, Cases, Harness
from steersman.runtime.keys.keyring import RING_FILE


def _is_rotated(context: Context) -> bool:
    """Tell whether the first key has a successor; how many there are is not for the same key's repetition to change."""
    return len(context.state.ring.ring.keys) > 1


def _share_the_ring(_harness: Harness, context: Context) -> None:
    (context.ports.data_dir / "secrets" / RING_FILE).chmod(0o644)


CASES = Cases(
    actions={"rotate": ActionCase(args={}, observe=_is_rotated)},
    breaks={"keys_private": _share_the_ring},
)
