"""The examples of secrets for the conformance kit: a rotation, and a ring that others can read."""

from __future__ import annotations

from steersman.contract.objects import Ask
from steersman.contract.ports import Context
from steersman.contract.testing import ActionCase, Cases, Harness, ObjectCase
from steersman.runtime.keys.ring import RING_FILE


def _is_rotated(context: Context) -> bool:
    """Tell whether the first key has a successor; how many there are is not for the same key's repetition to change."""
    return len(context.state.ring.ring.keys) > 1


def _share_the_ring(_harness: Harness, context: Context) -> None:
    (context.ports.data_dir / "secrets" / RING_FILE).chmod(0o644)


def _secret(ask: Ask, context: Context) -> str:
    made = f"n{context.ports.ids.new()}"
    assert ask("PUT", f"/api/secrets/values/{made}", {"value": "a long secret"}).status == 200
    return made


def _key(_ask: Ask, context: Context) -> str:
    return str(context.state.ring.ring.keys[0].id)


CASES = Cases(
    objects={
        "/api/secrets/values/{name}": ObjectCase(
            make=_secret,
            shown=("/api/secrets",),
            bodies={"PUT /api/secrets/values/{name}": {"value": "another secret"}},
        ),
        "/api/secrets/keys/{id}": ObjectCase(make=_key, shown=("/api/secrets/keys",)),
    },
    actions={"rotate": ActionCase(args={}, observe=_is_rotated)},
    breaks={"keys_private": _share_the_ring},
)
