"""What the platform tells about contracts, settings and its journal."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel, Field, SecretStr

from steersman.contract.ports import JournalEntry
from steersman.model.ids import DEFAULT_TENANT, Id
from steersman.services.platform.logic import describe, disorder, without_secrets
from steersman.services.platform.manifest import SERVICE


def entry(seq: int, kind: str = "action.requested", cause: str | None = None) -> JournalEntry:
    return JournalEntry(
        Id(f"id-{seq}"), 0, DEFAULT_TENANT, "somebody", kind, "x.y", {}, Id(cause) if cause else None, seq
    )


def test_a_contract_is_told_whole_and_as_json() -> None:
    """Everything that is declared is in the dump, with the address of what is derived."""
    told = json.loads(json.dumps(describe(SERVICE)))
    assert {signal["name"] for signal in told["signals"]} == {signal.name for signal in SERVICE.signals}
    assert [action["path"] for action in told["actions"]] == ["/api/platform/actions/set_log_level"]
    assert told["actions"][0]["args"]["required"] == ["level"]
    assert [knob["path"] for knob in told["knobs"]] == ["/api/platform/knobs/in_flight_limit"]
    assert {route["path"] for route in told["routes"]} == {route.path for route in SERVICE.routes}
    assert told["permissions"] == dict(SERVICE.permissions)


def test_settings_are_told_without_secrets() -> None:
    """Neither what is secret by type, nor what is hidden from its own repr, nor what is called a token."""

    class Section(BaseModel):
        port: int = 514
        password: SecretStr | None = SecretStr("hunter2")
        url: str = Field(default="postgresql://me:hunter2@host", repr=False)
        api_token: str = "hunter2"

    assert without_secrets(Section()) == {"port": 514}


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ([], None),
        ([entry(1), entry(2, "action.applied", "id-1"), entry(5)], None),
        ([entry(2), entry(2)], "has the number 2 after 2"),
        ([entry(3), entry(1)], "has the number 1 after 3"),
        ([entry(1, "action.failed")], "entry 1 is action.failed and names no intent"),
    ],
)
def test_a_journal_out_of_order_is_noticed(entries: list[JournalEntry], complaint: str | None) -> None:
    """Gaps are allowed, because a transaction may roll back; going back is not."""
    found = disorder(entries)
    assert found is None if complaint is None else complaint in (found or "")
