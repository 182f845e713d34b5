"""SQL over everything stored: complete, for one tenant only, and with no way out of its process."""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cramjam
import pytest

from steersman.engine.decode.proto import remote_write_v1_pb2 as proto
from steersman.runtime.telemetry import manifest
from steersman.runtime.telemetry.disk import LocalDisk
from steersman.runtime.telemetry.warehouse import SqlQuestion, answer, reply

Serving = Callable[..., Any]
URL = "/api/telemetry/query"
STALE_OR_ODD = (1.5, float("nan"), float("inf"), float("-inf"), -0.0)


async def fill(site: Any, key: str = "root", name: str = "up", values: tuple[float, ...] = (1.5,)) -> None:
    """Write samples, a line and a span for a tenant; the line and the span name the key."""
    now = site.clock.wall_ns()
    samples = [proto.Sample(timestamp=now // 10**6 - n, value=value) for n, value in enumerate(values)]
    labels = [proto.Label(name="__name__", value=name), proto.Label(name="owner", value=key)]
    request = proto.WriteRequest(timeseries=[proto.TimeSeries(labels=labels, samples=samples)])
    body = bytes(cramjam.snappy.compress_raw(request.SerializeToString()))
    assert (await site.post("/api/v1/write", body, "application/x-protobuf", key)).status_code == 204
    line = {"streams": [{"stream": {"service": "web"}, "values": [[str(now), f"line of {key}"]]}]}
    assert (await site.post("/loki/api/v1/push", json.dumps(line).encode(), "application/json", key)).status_code == 204
    span = {"traceId": "a" * 32, "spanId": "b" * 16, "name": f"span of {key}", "startTimeUnixNano": str(now)}
    spans = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    assert (await site.post("/v1/traces", json.dumps(spans).encode(), "application/json", key)).status_code == 200


async def sql(site: Any, text: str, key: str = "root", **more: Any) -> Any:
    return await site.post(URL, json.dumps({"sql": text, **more}).encode(), "application/json", key)


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., Any]:
    """Ask an empty store in this process: a process for each question would take most of the time."""
    manifest.commit(tmp_path, LocalDisk(), manifest.Manifest())
    return lambda text, **more: strict(reply(tmp_path, SqlQuestion(sql=text, tenant="default", **more)))


def strict(text: str) -> Any:
    """Read JSON as a browser does, which knows neither NaN nor Infinity."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)


def run_with(serving: Serving, check: Callable[[Any], Any], **options: Any) -> None:
    async def run() -> None:
        async with serving(**options) as site:
            await check(site)

    asyncio.run(run())


@pytest.mark.slow
def test_the_answer_holds_everything_that_was_acknowledged_before_the_question(serving: Serving) -> None:
    async def check(site: Any) -> None:
        await fill(site)
        found = strict((await sql(site, "select name, labels['owner'], value from metrics")).text)
        assert found["rows"] == [["up", "root", 1.5]]
        counts = "select (select count(*) from metrics), (select count(*) from logs), (select count(*) from spans)"
        assert strict((await sql(site, counts)).text)["rows"] == [[1, 1, 1]]

    run_with(serving, check)


def test_numbers_that_json_does_not_know_are_written_as_words(serving: Serving) -> None:
    async def check(site: Any) -> None:
        await fill(site, values=STALE_OR_ODD)
        asked = "select value, [value], {'v': value}, map {value: 1} from metrics order by time_ms desc"
        rows = strict((await sql(site, asked)).text)["rows"]
        assert [row[0] for row in rows] == [1.5, "NaN", "Infinity", "-Infinity", 0.0]
        assert rows[1][1:3] == [["NaN"], {"v": "NaN"}]

    run_with(serving, check)


@pytest.mark.parametrize(
    "text",
    ["", ";", "-- nothing", "selec", "select * from nothing", "select 1/0 from logs where", "select; select", "\0"],
)
def test_a_wrong_question_is_answered_with_what_is_wrong(text: str, ask: Callable[..., Any]) -> None:
    assert ask(text)["error"]


def test_what_is_wrong_comes_back_as_a_problem(serving: Serving) -> None:
    async def check(site: Any) -> None:
        answered = await sql(site, "selec")
        assert (answered.status_code, answered.json()["status"]) == (400, 400)
        assert "selec" in answered.text

    run_with(serving, check)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b'{"sql":1e999,"limit":1e999}',
        b'{"limit":1}',
        b'{"sql":"select 1","limit":0}',
        b"[" * 100_000,
    ],
)
def test_a_body_that_is_no_question_is_refused(body: bytes, serving: Serving) -> None:
    async def check(site: Any) -> None:
        assert (await site.post(URL, body, "application/json")).status_code == 400

    run_with(serving, check)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (
            "select decimal '1.50', date '2026-01-02', interval 1 day, blob 'ab', uuid '00000000-0000-0000-0000-000000000001'",
            1,
        ),
        ("select map {date '2026-01-02': 1}, map {[1, 2]: 'x'}, [null], {'a': [1, 2]}", 1),
        ("from range(50)", 10),
    ],
)
def test_every_type_has_a_form_in_json_and_rows_stop_at_the_limit(
    text: str, rows: int, ask: Callable[..., Any]
) -> None:
    found = ask(text, limit=10)
    assert len(found["rows"]) == rows
    assert found["truncated"] == ("range" in text)


def test_a_question_that_takes_too_long_is_ended(ask: Callable[..., Any]) -> None:
    endless = "select count(*) from range(1000000000) a, range(1000000000) b where a.range + b.range = 7"
    assert "longer than 0.2 seconds" in ask(endless, seconds=0.2)["error"]


@pytest.mark.slow
@pytest.mark.parametrize("sealed", [False, True])
def test_another_tenants_rows_are_in_no_view_and_in_no_table_behind_one(sealed: bool, serving: Serving) -> None:
    async def check(site: Any) -> None:
        await fill(site)
        await fill(site, "other")
        await fill(site, name="mine")
        if sealed:
            await site.store.upkeep.seal()
        else:
            await site.store.checkpoints.write()
        for tenant, own, foreign in (("default", "root", "other"), ("other", "other", "root"), ("third", "", "nobody")):
            tables = answer(site.store.folder, SqlQuestion(sql="show tables", tenant=tenant))["rows"]
            assert len(tables) >= 4
            for [table] in tables:
                rows = answer(site.store.folder, SqlQuestion(sql=f"select * from {table}", tenant=tenant))["rows"]
                assert foreign not in str(rows)
                assert own or not rows
            counted = answer(site.store.folder, SqlQuestion(sql="select count(*) from metrics", tenant=tenant))["rows"]
            assert counted == [({"default": 2, "other": 1, "third": 0}[tenant],)]

    run_with(serving, check)


@pytest.mark.parametrize(
    "text",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select * from glob('/*')",
        "select * from read_text('/etc/hostname')",
        "copy (select 1) to '/tmp/steersman-way-out'",
        "attach '/tmp/steersman-way-out.db'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "set lock_configuration = false",
        "pragma enable_external_access = true",
        "select * from os",
        "select getenv('HOME')",
        "export database '/tmp/steersman-way-out'",
    ],
)
def test_there_is_no_way_to_files_to_the_network_or_to_the_settings(text: str, ask: Callable[..., Any]) -> None:
    assert ask(text)["error"]
    assert not list(Path("/tmp").glob("steersman-way-out*"))


def test_a_full_disk_or_a_store_that_is_not_ready_puts_the_question_off(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def check(site: Any) -> None:
        monkeypatch.setattr(site.store.checkpoints, "write", full)
        answered = await sql(site, "select 1")
        assert (answered.status_code, "retry-after" in answered.headers) == (503, True)

    async def too_early(site: Any) -> None:
        assert (await sql(site, "select 1")).status_code == 503

    run_with(serving, check)
    run_with(serving, too_early, restored=False)
