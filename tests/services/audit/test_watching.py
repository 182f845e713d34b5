"""The invariant looks at little and finds what changed: at once near the end, in turn further back."""

from __future__ import annotations

from typing import Any

import pytest

from steersman.services.audit.store.watching import Patrol


def test_a_log_that_agrees_has_nothing_to_say(desk: Any) -> None:
    """Before the first checkpoint, after it, and with newer entries."""
    patrol = Patrol(desk.open())
    assert patrol.disagreement() is None
    log = desk.signed(600)
    desk.append(3)
    log.follow()
    patrol = Patrol(log)
    assert [patrol.disagreement() for _ in range(4)] == [None] * 4


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE journal SET actor = 'other' WHERE seq = 595",
        "DELETE FROM journal WHERE seq = 595",
        "DELETE FROM journal WHERE seq > 590",
        "UPDATE audit_leaves SET hash = zeroblob(32) WHERE seq = 595",
        "UPDATE audit_tiles SET hash = zeroblob(32) WHERE number = 1",
        "DELETE FROM audit_tiles WHERE number = 0",
        "DELETE FROM audit_leaves WHERE seq = 300",
        "UPDATE audit_leaves SET hash = zeroblob(32) WHERE seq = 300",
        "UPDATE audit_checkpoints SET note = replace(note, 'time_ns 1', 'time_ns 2')",
    ],
)
def test_a_change_near_the_end_is_found_at_once(desk: Any, change: str) -> None:
    log = desk.signed(600)
    desk.do(change)
    assert Patrol(log).disagreement()


def test_a_change_far_back_is_found_in_turn(desk: Any) -> None:
    """One older tile is looked at a time."""
    log = desk.signed(1_100)
    desk.do("UPDATE journal SET actor = 'other' WHERE seq = 10")
    patrol = Patrol(log)
    found = [patrol.disagreement() for _ in range(5)]
    assert "the entry 10 of the journal" in str([one for one in found if one])
