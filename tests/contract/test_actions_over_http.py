"""What an action answers when it takes longer than it may."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from steersman.contract.ports import Context
from steersman.contract.service import Action, Preview, Risk, Service
from steersman.model.entities import Entity, EntityKind
from steersman.services.platform.manifest import SERVICE as PLATFORM


@dataclass(frozen=True)
class Nothing:
    note: str = ""


GATE = threading.Event()


def wait(_context: Context, _key: str, args: Nothing) -> Nothing:
    GATE.wait(30)
    return args


SLOW = Service(
    name="slow",
    help="Takes its time.",
    permissions={"slow.thing.write": "Wait."},
    actions=(
        Action(
            name="wait",
            help="Wait for the gate.",
            args=Nothing,
            result=Nothing,
            permission="slow.thing.write",
            risk=Risk.DISRUPTIVE,
            preview=lambda _context, _args: Preview("wait", "cannot be undone"),
            apply=wait,
            target_kind=EntityKind.SERVICE,
            target=lambda _args: Entity(EntityKind.SERVICE, "slow"),
            timeout_seconds=0.05,
        ),
    ),
)
GRANT = frozenset({"slow.thing.write"})
PATH = "/api/slow/actions/wait"


def test_an_action_that_takes_too_long_goes_on_and_its_key_tells_the_result(open_harness: Any) -> None:
    """The caller is told to ask again; asking does not start it a second time."""
    GATE.clear()
    wish = {"args": {"note": "patience"}, "key": "k"}
    with open_harness([PLATFORM, SLOW]) as harness:
        late = harness.call("POST", PATH, GRANT, wish)
        assert (late.status, "repeat the request with the same key" in late.body["detail"]) == (503, True)
        busy = harness.call("POST", PATH, GRANT, wish)
        assert busy.status == 409
        GATE.set()
        while (answer := harness.call("POST", PATH, GRANT, wish)).status != 200:
            assert answer.status == 409
        assert answer.body == {"key": "k", "repeated": True, "result": {"note": "patience"}}
        told = [entry.type for entry in harness.journal()]
        assert told == ["action.requested", "action.overdue", "action.applied"]


def test_what_cannot_be_undone_has_no_undo(open_harness: Any) -> None:
    """A disruptive action without a way back offers none."""
    with open_harness([PLATFORM, SLOW]) as harness:
        assert harness.call("POST", f"{PATH}/undo", GRANT, {"key": "k"}).status == 404


def test_wrong_arguments_are_named_and_leave_no_trace(open_harness: Any) -> None:
    """400 with the field; nothing in the journal."""
    with open_harness([PLATFORM, SLOW]) as harness:
        for wrong in ({"args": {"note": 1}}, {"args": []}, {}, {"args": {}, "key": ""}):
            answer = harness.call("POST", PATH, GRANT, wrong)
            assert answer.status == 400
            assert answer.body["errors"][0].startswith("body")
        assert harness.journal() == []
