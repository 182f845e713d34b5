"""With `mask_logs`, what is personal in logs is on no disk; without it, the way into the store is the store's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.engine.decode import log_columns
from steersman.model.errors import InvalidInput
from steersman.model.telemetry import LogColumns

CARD = "4111 1111 1111 1111"
STREAM = {"service": "shop", "mail": "leocadia@featherstone.example"}
BODY = json.dumps({"streams": [{"stream": STREAM, "values": [["1767225600000000000", f"paid with {CARD}"]]}]})


def _holding(folder: Path, *words: bytes) -> list[Path]:
    """Return the files that hold one of the words."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if any(word in path.read_bytes() for word in words)]


@pytest.mark.anyio
@pytest.mark.requirement("ASVS-16.2.5", "GDPR-25")
async def test_no_file_of_the_store_holds_what_was_masked(serving: Callable[..., Any], tmp_path: Path) -> None:
    async with serving(mask_logs=True) as site:
        answer = await site.post("/loki/api/v1/push", BODY.encode(), "application/json")
        assert answer.status_code == 204, answer.text
        rows = (await site.get("/api/logs/search", query="paid")).json()["rows"]
        assert rows[0]["body"] == "paid with **** **** **** 1111"
        assert rows[0]["attributes"] == {"service": "shop", "mail": "l***@featherstone.example"}
        assert not _holding(tmp_path, CARD.encode(), b"leocadia")
        assert _holding(tmp_path, b"l***@featherstone")


@pytest.mark.anyio
async def test_without_the_setting_a_log_is_stored_as_it_was_sent(serving: Callable[..., Any]) -> None:
    async with serving() as site:
        await site.post("/loki/api/v1/push", BODY.encode(), "application/json")
        rows = (await site.get("/api/logs/search", query="paid")).json()["rows"]
        assert rows[0]["body"] == f"paid with {CARD}"


@pytest.mark.anyio
async def test_an_answer_of_the_warehouse_can_be_masked(serving: Callable[..., Any]) -> None:
    async with serving() as site:
        await site.post("/loki/api/v1/push", BODY.encode(), "application/json")
        asked = {"sql": "select body from logs", "mask": True}
        answer = await site.ask("POST", "/api/telemetry/query", json=asked)
        assert answer.json()["rows"] in (
            [["paid with **** **** **** 1111"]],
            [{"body": "paid with **** **** **** 1111"}],
        )


ROWS = st.lists(st.tuples(st.integers(), st.text(), st.text()), max_size=5)


@given(ROWS)
def test_columns_come_back_as_they_were_packed(rows: list[tuple[int, str, str]]) -> None:
    columns = LogColumns()
    for number, service, body in rows:
        columns.time_ns.append(number)
        columns.severity.append(number)
        for name, text in (
            ("service", service),
            ("body", body),
            ("attributes", "{}"),
            ("trace_id", ""),
            ("span_id", ""),
        ):
            getattr(columns, name).append(text)
    assert log_columns.decode(log_columns.pack(columns), 0).logs == columns


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"time_ns": [1]}', b'{"body": [3]}', b'{"strange": []}', b"[" * 9999]
)
def test_a_body_that_holds_something_else_is_refused(body: bytes) -> None:
    if body == b"{}":
        assert log_columns.decode(body, 0).logs == LogColumns()
    else:
        with pytest.raises(InvalidInput):
            log_columns.decode(body, 0)
