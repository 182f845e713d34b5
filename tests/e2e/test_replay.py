"""Starts with a large log behind them, killed starts, and starts over files that were damaged."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steersman.services.telemetry.commands.bench.fleet import Fleet
from steersman.services.telemetry.commands.bench.generator import Target, build, send

pytestmark = pytest.mark.slow

#: So seldom that a kill finds everything in the log; the machine itself is not watched, so all is known.
LAZY = "[telemetry.store]\ncheckpoint_seconds = 30\n[telemetry.host]\nenabled = false\n"
#: 30 s of intake at 100,000 samples/s, below the number at which a checkpoint comes early.
HOSTS, METRICS, ROUNDS = 50, 200, 300
STEP_MS = 15_000


def seen_of(platform: Any, at: float) -> Any:
    """What one host's series hold, in one order."""
    answer = platform.get("/api/v1/query", query='{instance=~".*1[0-9].*"}[3h]', time=at)
    assert answer.status == 200, answer.text
    return sorted((json.dumps(one["metric"], sort_keys=True), one["values"]) for one in answer.json()["data"]["result"])


def progress(platform: Any) -> tuple[int, int] | None:
    """Replayed records of how many, while the start says so."""
    answer = platform.get("/readyz")
    found = re.search(r"replaying the log: (\d+) of (\d+) records", answer.text)
    assert answer.status == (200 if '"status":"ready"' in answer.text else 503)
    return (int(found[1]), int(found[2])) if found else None


def test_a_large_log_is_replayed_in_the_open_while_intake_is_durable(
    launch: Callable[..., Any], until: Callable[..., None], checked: Callable[..., Any], now_ms: int
) -> None:
    platform = launch(settings=LAZY)
    platform.until_ready()
    fleet = Fleet(hosts=HOSTS, metrics=METRICS, rounds=ROUNDS, start_ms=now_ms - ROUNDS * STEP_MS)
    sent = send(Target(platform.port, token=platform.TOKEN, connections=4), build(fleet))
    assert (sent.error, sent.acknowledged) == ("", HOSTS * METRICS * ROUNDS)
    before = seen_of(platform, now_ms / 1000)
    assert sum(len(values) for _, values in before) > 10 * METRICS * ROUNDS / 2
    platform.kill()

    # Killed again in the middle of it.
    second = launch(settings=LAZY)
    until(lambda: (progress(second) or (0, 0))[0] > 0)
    during = [f"while it replays {n}" for n in range(3)]
    assert [second.lines(one).status for one in during] == [204] * 3
    assert second.samples(("during", [(now_ms, 1.0)])).status == 204
    at = progress(second)
    assert at is not None, "acknowledged before the end of the replay"
    assert 0 < at[0] < at[1]
    for path, query in (
        ("/api/v1/query", {"query": "up[5m]"}),
        ("/api/v1/labels", {}),
        ("/api/logs/search", {"query": "x"}),
        ("/api/traces/search", {"query": "x"}),
    ):
        answer = second.get(path, **query)
        assert (answer.status, int(answer.headers["retry-after"]) > 0) == (503, True), path
        assert "replaying" in answer.text
    second.kill()

    # Stopped in the middle of it.
    stopped = launch(settings=LAZY)
    until(lambda: (progress(stopped) or (0, 0))[0] > 0)
    assert stopped.stop() < 5

    third = launch(settings=LAZY)
    began = time.monotonic()
    seen = []
    while (now := progress(third)) or third.get("/readyz").status != 200:
        seen.append(now or (0, 0))
    took = time.monotonic() - began
    assert seen == sorted(seen)
    assert took < 30, "what is replayed is at most 30 s of intake"
    assert seen_of(third, now_ms / 1000) == before
    assert third.values("bad_days[1h]")["during"] == [(now_ms, 1.0)]
    assert sorted(third.bodies('"while it replays"')) == during
    third.stop()
    assert checked(third.data).returncode == 0


# ------------------------------------------------------------------------------------------------------- damages


def first(folder: Path, pattern: str) -> Path:
    return min(folder.glob(pattern))


def flip(path: Path, at: float) -> None:
    """Turn one bit of the byte at a share of the file's content."""
    content = bytearray(path.read_bytes())
    content[int(len(bytes(content).rstrip(b"\0")) * at)] ^= 1
    path.write_bytes(content)


@pytest.fixture(scope="module")
def killed(launch_for_all: Callable[..., Any]) -> Path:
    """The data of a killed platform: a checkpoint, a block of lines and a log behind both."""
    now_ms = time.time_ns() // 1_000_000
    platform = launch_for_all(
        settings="[telemetry.store]\ncheckpoint_seconds = 0.2\n[telemetry.host]\nenabled = false\n"
    )
    platform.until_ready()
    platform.samples(("a", [(now_ms + n, float(n)) for n in range(500)]))
    platform.lines(*(f"line {n}" for n in range(500)))
    platform.stop()
    second = launch_for_all(settings=LAZY)
    second.until_ready()
    for n in range(20):
        second.samples(("b", [(now_ms + n, float(n))]))
        second.lines(f"later {n}")
    second.kill()
    return Path(second.data)


@pytest.fixture
def store(killed: Path, tmp_path: Path) -> Path:
    """The store's folder in a copy of that, where the test's own platforms start."""
    shutil.copytree(killed, tmp_path / "data")
    return tmp_path / "data" / "telemetry"


def test_a_damaged_manifest_ends_the_start_with_what_to_do(
    launch: Callable[..., Any], store: Path, checked: Callable[..., Any], tmp_path: Path
) -> None:
    flip(store / "manifest.json", 0.5)
    files = sorted(path for path in store.rglob("*") if path.is_file())
    platform = launch()
    assert platform.process.wait(60) == 1
    last = platform.log.strip().splitlines()[-1]
    assert last.startswith("steersman: ")
    assert "manifest is damaged" in last
    assert "restore the data directory from a backup" in last
    assert sorted(path for path in store.rglob("*") if path.is_file()) == files
    assert "manifest" in checked(tmp_path / "data").stdout


@pytest.mark.parametrize(
    ("pattern", "damage", "what"),
    [
        ("head/samples-*", "flip", "is damaged at byte"),
        ("head/samples-*", "remove", "is missing"),
        ("head/series-*", "cut", "is damaged at byte"),
    ],
)
def test_a_damaged_file_leaves_the_start_unready_with_the_file_and_what_to_do(
    launch: Callable[..., Any], until: Callable[..., None], checked: Callable[..., Any], store: Path,
    pattern: str, damage: str, what: str,
) -> None:  # fmt: skip
    """It takes nothing in either: nobody knows what the store will be when a person has mended it."""
    path = first(store, pattern)
    kept = path.read_bytes()
    if damage == "remove":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(kept[:-10])
    else:
        flip(path, 0.5)
    platform = launch(settings=LAZY)
    until(lambda: what in platform.get("/readyz").text)
    ready = platform.get("/readyz")
    assert (ready.status, path.name in ready.text, "backup" in ready.text) == (503, True, True), ready.text
    answer = platform.lines("x")
    assert (answer.status, int(answer.headers["retry-after"]) > 0) == (503, True)
    assert path.name in answer.text
    assert platform.get("/api/logs/search", query="line").status == 503
    assert platform.get("/healthz").status == 200
    platform.stop()
    found = checked(platform.data)
    assert (found.returncode, path.name in found.stdout) == (1, True)

    # The file comes back from the backup, and everything is there again.
    path.write_bytes(kept)
    mended = launch(settings=LAZY)
    mended.until_ready()
    assert len(mended.bodies("line")) == 500
    assert len(mended.bodies("later")) == 20
    assert {name: len(found) for name, found in mended.values("bad_days[1h]").items()} == {"a": 500, "b": 20}


def test_a_missing_block_is_told_at_the_start_and_by_every_question_that_needs_it(
    launch: Callable[..., Any], checked: Callable[..., Any], store: Path
) -> None:
    """Nothing is dropped in silence, and the rest is served: nobody has to have a backup to go on."""
    path = first(store, "logs/*.parquet")
    kept = path.read_bytes()
    path.unlink()
    platform = launch(settings=LAZY)
    platform.until_ready()
    answer = platform.get("/api/logs/search", query="line")
    assert answer.status == 500
    for text in (platform.get("/readyz").text, answer.text):
        assert path.name in text
        assert "from a backup" in text
    assert set(platform.values("bad_days[1h]")) == {"a", "b"}
    assert platform.lines("x").status == 204
    platform.stop()
    found = checked(platform.data)
    assert (found.returncode, path.name in found.stdout) == (1, True)
    path.write_bytes(kept)
    assert checked(platform.data).returncode == 0
    mended = launch(settings=LAZY)
    mended.until_ready()
    assert len(mended.bodies("line")) == 500


def test_a_damage_in_the_middle_of_the_log_is_told_and_nothing_is_thrown_away(
    launch: Callable[..., Any], store: Path
) -> None:
    """In the newest file it looks like a power cut, so the start goes on; what stood behind it is kept beside."""
    log = max(store.glob("wal/*.wal"))
    content = log.read_bytes()
    flip(log, 0.5)
    platform = launch(settings=LAZY)
    platform.until_ready()
    lines = platform.bodies("later")
    assert 0 < len(lines) < 20
    ready = platform.get("/readyz").text
    assert "the log was damaged" in ready
    assert "compare with a backup" in ready
    aside = first(store, "wal/*.damaged")
    assert aside.name in ready
    assert len(aside.read_bytes()) == len(content)


def test_a_start_beside_strange_files_says_what_they_are(launch: Callable[..., Any], tmp_path: Path) -> None:
    """A folder that is no data directory is not touched."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(RuntimeError, match=r"not a Steersman data directory: it holds 'holiday\.jpg'"):
        launch()
    assert [path.name for path in (tmp_path / "data").iterdir() if path.name != "lock"] == ["holiday.jpg"]


def test_a_store_without_its_manifest_is_not_taken_for_a_new_one(launch: Callable[..., Any], store: Path) -> None:
    (store / "manifest.json").unlink()
    kept = sorted(path.name for path in store.rglob("*") if path.is_file())
    platform = launch()
    assert platform.process.wait(60) == 1
    assert "manifest.json is missing, though" in platform.log
    assert sorted(path.name for path in store.rglob("*") if path.is_file()) == kept
