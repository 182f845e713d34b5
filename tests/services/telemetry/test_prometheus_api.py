"""The Prometheus HTTP API: a real Prometheus with the same series answers every question in the same words."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import cramjam
import pytest

from steersman.engine.decode.proto import remote_write_v1_pb2 as proto

Serving = Callable[..., Any]
WRITE = {"content_encoding": "snappy"}
PROTOBUF = "application/x-protobuf"
STALE = struct.unpack("<d", (0x7FF0000000000002).to_bytes(8, "little"))[0]
MINUTE = 60_000
#: Where the series begin, in milliseconds; the fake clock says half an hour later.
START_MS = 1_799_998_200_000
VALUES = (
    0.0, -0.0, 1.0, 0.1, 1e-6, 9.9e-7, 123456789012345680.0, 1e20, 1e21, 1.5e300, 5e-324, 0.30000000000000004,
    -1e15, 9007199254740993.0, float("nan"), float("inf"), float("-inf"), 1 / 3, 1e-5, 2.5e-5, 100.0, 1e15, 1e16,
)  # fmt: skip


def body(*series: tuple[dict[str, str], list[tuple[int, float]]]) -> bytes:
    request = proto.WriteRequest(
        timeseries=[
            proto.TimeSeries(
                labels=[proto.Label(name=name, value=value) for name, value in sorted(labels.items())],
                samples=[proto.Sample(timestamp=at, value=value) for at, value in samples],
            )
            for labels, samples in series
        ]
    )
    return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))


def made_up() -> bytes:
    """Series with every odd value, gaps, ends, and labels that are hard to write or to match."""
    chance = random.Random(11)
    series: list[tuple[dict[str, str], list[tuple[int, float]]]] = []
    for number, job in enumerate(("api", "web", "a.b", 'quo"te', "line\nbreak", "грюße 🚢", "back\\slash")):
        for instance in ("1", "2", None):
            labels = {"__name__": f"m_{number % 3}", "job": job} | ({"instance": instance} if instance else {})
            at, samples = START_MS + chance.randrange(MINUTE), []
            while at < START_MS + 30 * MINUTE:
                samples.append((at, STALE if chance.random() < 0.05 else chance.choice(VALUES)))
                at += chance.choice((15_000, 15_001, 60_000, 400_000))
            series.append((labels, samples))
    numbers = [({"__name__": "number", "n": str(n)}, [(START_MS + 25 * MINUTE, v)]) for n, v in enumerate(VALUES)]
    return body(*series, *numbers)


def get(address: str, path: str, parameters: list[tuple[str, str]]) -> tuple[int, Any]:
    url = f"http://{address}{path}?{urllib.parse.urlencode(parameters)}"
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "prometheus.yml").write_text("{}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address={address}",
            "--storage.tsdb.retention.time=100y",
            "--web.enable-remote-write-receiver",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        headers = {"Content-Encoding": "snappy", "Content-Type": PROTOBUF}
        request = urllib.request.Request(f"http://{address}/api/v1/write", made_up(), headers)
        deadline = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(request).close()
                break
            except urllib.error.URLError:
                assert time.monotonic() < deadline, "Prometheus does not take samples"
                time.sleep(0.1)
        yield address
    finally:
        process.kill()
        process.wait()


SELECTORS = (
    "m_0", "m_1", 'm_0{job="api"}', 'm_0{job!="api"}', '{job=~"api|web"}', '{job=~"a.b"}', '{job!~"a.*",__name__=~"m_.+"}',
    'm_0{instance=""}', 'm_0{instance!=""}', 'm_0{instance=~".*"}', 'm_0{absent=""}', 'm_0{absent!=""}', 'm_0{job=~"(?i)API"}',
    "{job='quo\"te'}", '{job="line\\nbreak"}', '{job="back\\\\slash"}', "{job=`back\\slash`}", '{job=~"гр.*"}', "number",
    'number{n=~"1?[0-9]"}', "nothing", "m_0 offset 5m", "m_0 offset -5m", 'm_0{job="api",}', " m_0 # why\n", '{__name__="m_2"}',
    'm_0{job=~"^a$|^api$"}', 'm_0{job=~"api|"}', 'm_0{job=~"line.break"}', "m_0 offset 1h30m", "m_0 offset 1d", '{"job"="a"}',
)  # fmt: skip
RANGES = ("m_0[5m]", "m_1[1h]", 'm_2{job="a.b"}[90s]', "number[10m]", "m_0[10m] offset 3m", "m_0[15s]", "m_0[1ms]")
WRONG = (
    "", "{}", '{job=""}', '{job=~".*"}', '{job!="a"}', "m_0{", "m_0{job}", 'm_0{job=="a"}', "m_0[5m", "m_0[5x]", "m_0[0s]",
    "m_0[5m][5m]", 'm_0{job=~"("}', 'm_0{job=~"*"}', 'm_0{job="a" instance="b"}', "m_0{,}", "m_0[1s1h]", "m_0[5m5m]", "m_0 m_1",
    "m_0 offset", "m_0 offset 5", '{job="a\\q"}', '{job="\\UFFFFFFFF"}', '{job="\\ud800"}', '{job="\\x4"}', '{job="a\nb"}', "m_0[99999999999y]", "m_0 offset 99999999999y", 'x{job=~"(?=a)"}',
)  # fmt: skip


def comparable(answer: Any) -> Any:
    """Results have no order; texts of errors are each server's own."""
    if answer["status"] == "error":
        return {"status": "error", "errorType": answer["errorType"]}
    data = answer["data"]
    if isinstance(data, dict) and "result" in data:
        return data["resultType"], sorted(json.dumps(one, sort_keys=True) for one in data["result"])
    return sorted(json.dumps(one, sort_keys=True) for one in data)


def questions() -> list[tuple[str, list[tuple[str, str]]]]:
    minutes = [f"{START_MS // 1000 + 60 * minute}" for minute in (0, 3, 10, 25, 29, 33, 60)]
    moments = [*minutes, f"{START_MS / 1000 + 700.123}", "2027-01-15T07:55:00Z", "2027-01-15T09:00:30.5+01:00"]
    asked = [("/api/v1/query", [("query", one), ("time", at)]) for one in SELECTORS for at in moments]
    asked += [("/api/v1/query", [("query", one), ("time", at)]) for one in RANGES for at in moments]
    start, end = str(START_MS // 1000), str(START_MS // 1000 + 1800)
    for one in SELECTORS:
        for step in ("60", "15", "1m", "7.5", "1h"):
            asked.append(("/api/v1/query_range", [("query", one), ("start", start), ("end", end), ("step", step)]))
        whole = [("match[]", one), ("start", start), ("end", end)]
        asked += [(path, whole) for path in ("/api/v1/series", "/api/v1/labels", "/api/v1/label/job/values")]
    asked += [("/api/v1/query", [("query", one), ("time", end)]) for one in WRONG]
    asked += [("/api/v1/series", [("match[]", one)]) for one in (*WRONG, "m_0[5m]", "m_0 offset 5m")]
    both = [("match[]", "m_0"), ("match[]", "number"), ("start", start), ("end", end)]
    asked += [
        ("/api/v1/series", both),
        ("/api/v1/labels", []),
        ("/api/v1/label/__name__/values", []),
        ("/api/v1/series", []),
    ]
    asked += [("/api/v1/label/absent/values", []), ("/api/v1/labels", [("match[]", "")])]
    asked += [("/api/v1/query", [("query", "m_0"), ("time", at)]) for at in ("x", "1e400", "2027-01-15", " 5")]
    for change in (
        {"end": str(START_MS // 1000 - 1)}, {"step": "0"}, {"step": "-1"}, {"step": "x"}, {"step": ""}, {"start": ""},
        {"query": "m_0[5m]"}, {"step": "0.1"}, {"end": str(START_MS // 1000 + 11_000), "step": "1"},
        {"end": str(START_MS // 1000 + 11_001), "step": "1"}, {"step": "1s1h"},
    ):  # fmt: skip
        asked.append(
            ("/api/v1/query_range", list(({"query": "m_0", "start": start, "end": end, "step": "60"} | change).items()))
        )
    return asked


@pytest.mark.slow
@pytest.mark.needs("prometheus")
@pytest.mark.parametrize("sealed", [False, True], ids=["in the head", "in a block"])
def test_a_real_prometheus_answers_the_same(sealed: bool, prometheus: str, serving: Serving) -> None:
    async def run() -> None:
        async with serving() as site:
            site.clock.jump_wall(START_MS / 1000 + 1800 - site.clock.wall_ns() / 1e9)
            assert (await site.post("/api/v1/write", made_up(), PROTOBUF, **WRITE)).status_code == 204
            if sealed:
                await site.store.upkeep.seal()
            wrong = []
            for path, parameters in questions():
                ours = await site.ask("GET", f"{path}?{urllib.parse.urlencode(parameters)}")
                status, theirs = await asyncio.to_thread(get, prometheus, path, parameters)
                found = (ours.status_code, comparable(ours.json()))
                if found != (status, comparable(theirs)):
                    wrong.append((path, parameters, found, (status, comparable(theirs), theirs.get("error"))))
            assert [(path, parameters) for path, parameters, *_ in wrong] == [], str(wrong)[:4000]

    asyncio.run(run())


def test_the_form_of_a_post_and_its_query_string_are_read_together(serving: Serving) -> None:
    async def run() -> None:
        async with serving() as site:
            await site.post(
                "/api/v1/write", body(({"__name__": "up"}, [(site.clock.wall_ns() // 10**6, 1.5)])), PROTOBUF
            )
            kind = {"content-type": "application/x-www-form-urlencoded"}
            for url, form in (
                ("/api/v1/query", "query=up"),
                ("/api/v1/query?query=up", ""),
                ("/api/v1/query?query=x", "query=up"),
            ):
                answer = await site.ask("POST", url, content=form, headers=kind)
                [entry] = answer.json()["data"]["result"]
                assert (entry["metric"], entry["value"][1]) == ({"__name__": "up"}, "1.5")
            for path in ("series", "labels"):
                answer = await site.ask("POST", f"/api/v1/{path}", content="match%5B%5D=up", headers=kind)
                assert answer.json()["data"]

    asyncio.run(run())


def test_what_a_source_said_about_its_metrics_is_told_to_its_own_tenant_only(serving: Serving) -> None:
    about = [proto.MetricMetadata(type=1, metric_family_name=f"m{n}", help=f"Help {n}.", unit="s") for n in range(3)]
    sent = bytes(cramjam.snappy.compress_raw(proto.WriteRequest(metadata=about).SerializeToString()))

    async def run() -> None:
        async with serving() as site:
            assert (await site.post("/api/v1/write", sent, PROTOBUF)).status_code == 204
            found = (await site.get("/api/v1/metadata", metric="m1")).json()
            assert found["data"] == {"m1": [{"type": "counter", "help": "Help 1.", "unit": "s"}]}
            assert len((await site.get("/api/v1/metadata", limit="2")).json()["data"]) == 2
            assert (await site.get("/api/v1/metadata", "other")).json()["data"] == {}
            wrong = await site.get("/api/v1/metadata", limit="two")
            assert (wrong.status_code, wrong.json()["errorType"]) == (400, "bad_data")
            await site.store.stop()
        async with serving() as site:
            assert len((await site.get("/api/v1/metadata")).json()["data"]) == 3

    asyncio.run(run())


@pytest.mark.parametrize(
    "url",
    ["/api/v1/query?query=up", "/api/v1/series?match[]=up", "/api/v1/labels", "/api/logs/search", "/api/traces/search",
     "/api/traces/map", f"/api/traces/{'a' * 32}"],
)  # fmt: skip
def test_until_the_log_is_replayed_a_question_is_put_off_and_never_answered_in_part(url: str, serving: Serving) -> None:
    async def run() -> None:
        async with serving(restored=False) as site:
            answer = await site.get(url)
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) >= 1

    asyncio.run(run())


@pytest.mark.parametrize("time", ["99999999999999", "-99999999999999", "4611686018427387", "1e15"])
@pytest.mark.parametrize(
    "url", ["/api/v1/query?query=up&time={}", "/api/v1/query?query=up[292y]&time={}", "/api/v1/labels?start={}",
            "/api/v1/query?query=up offset 292y&time={}", "/api/v1/query_range?query=up&start={0}&end={0}&step=1",
            "/api/v1/series?match[]=up&end={}", "/api/logs/search?end={}", "/api/traces/map?end={}", "/api/logs/search?start={}"],
)  # fmt: skip
def test_a_time_far_away_is_answered_or_refused(url: str, time: str, serving: Serving) -> None:
    async def run() -> None:
        async with serving() as site:
            now = site.clock.wall_ns() // 10**6
            await site.post("/api/v1/write", body(({"__name__": "up"}, [(now, 1.5)])), PROTOBUF)
            assert (await site.get(url.format(time))).status_code in {200, 400}

    asyncio.run(run())
