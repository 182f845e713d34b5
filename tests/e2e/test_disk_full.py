"""A full disk: intake says so, questions go on, nothing acknowledged is lost, and room alone makes it well again."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.needs("mounts")]

#: Checkpoints come so often that they meet the full disk.
SETTINGS = "[telemetry.store]\ncheckpoint_seconds = 0.5\n"
MIB = 1 << 20
PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}


class SmallDisk:
    """A folder that is a file system of its own. ext4, because it keeps what a refused reservation had allocated."""

    def __init__(self, folder: Path, image: Path, size: int) -> None:
        self.folder, self._filler = folder, folder / "filler"
        folder.mkdir()
        with image.open("wb") as file:
            file.truncate(size)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
        if subprocess.run(["mount", "-o", "loop", image, folder], capture_output=True, check=False).returncode:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], check=True)
        else:
            (folder / "lost+found").rmdir()

    def fill(self, *, leave: int = 0) -> None:
        """Take all the room, then give some of it back."""
        with self._filler.open("ab", buffering=0) as file:
            for block in (MIB, 1024):
                try:
                    while file.write(b"x" * block) == block:
                        pass
                except OSError:
                    continue
            file.truncate(max(file.tell() - leave, 0))

    def make_room(self) -> None:
        self._filler.unlink()

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", self.folder], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    disk = SmallDisk(tmp_path / "data", tmp_path / "image", 200 * MIB)
    yield disk
    disk.unmount()


class Numbers:
    """Sends samples and lines with a number each, and remembers which were acknowledged."""

    def __init__(self, platform: Any, start_ms: int) -> None:
        self.platform, self._start = platform, start_ms
        self.sent = 0
        self.samples: set[int] = set()
        self.lines: set[int] = set()

    def send(self, *, weight: int = 0) -> Any:
        """One sample, and one line that weighs so many bytes more in the log."""
        self.sent += 1
        number = self.sent
        answer = self.platform.samples(("a", [(self._start + number, float(number))]))
        if answer.status == 204:
            self.samples.add(number)
        line = self.platform.lines(f"number {number} end", "x" * weight)
        if line.status == 204:
            self.lines.add(number)
        return line

    def found(self) -> tuple[set[int], set[int]]:
        samples = [int(value) for _, value in self.platform.values("bad_days[1h]")["a"]]
        lines = [int(body.split()[1]) for body in self.platform.bodies("number end")]
        assert (len(set(samples)), len(set(lines))) == (len(samples), len(lines))
        return set(samples), set(lines)


def test_intake_waits_for_room_and_everything_else_goes_on(
    launch: Callable[..., Any], disk: SmallDisk, now_ms: int, until: Callable[..., None], checked: Callable[..., Any]
) -> None:
    platform = launch(settings=SETTINGS)
    platform.until_ready()
    numbers = Numbers(platform, now_ms)
    for _ in range(5):
        assert numbers.send().status == 204
    disk.fill()
    # The log has a reserve, so it takes some more before it has to refuse.
    until(lambda: numbers.send(weight=8 * MIB).status == 503)

    for path, body, headers in (
        ("/api/v1/write", platform.written(("b", [(now_ms, 1.0)])), platform.SNAPPY),
        ("/loki/api/v1/push", platform.pushed("x"), JSON),
        ("/v1/logs", b"", PROTOBUF),
        ("/v1/metrics", b"{}", JSON),
        ("/v1/traces", b"{}", JSON),
    ):
        answer = platform.ask("POST", path, body, headers)
        assert (answer.status, int(answer.headers["retry-after"]) > 0) == (503, True), path
        assert "No space left" in answer.text
        if path.startswith("/v1"):
            assert answer.headers["content-type"] == headers["Content-Type"]
            code = json.loads(answer.body)["code"] if headers is JSON else answer.body[1]
            assert code == 14  # google.rpc.Code.UNAVAILABLE

    assert numbers.found() == (numbers.samples, numbers.lines)
    assert platform.get("/").status == 200
    ready = platform.get("/readyz")
    assert ready.status == 200
    assert "No space left" in ready.text
    assert platform.get("/api/platform/status").status == 200
    # The control database is on the same disk.
    wish = {"args": {"level": "error", "logger": "steersman.example"}, "key": "full"}
    act = platform.ask("POST", "/api/platform/actions/set_log_level", json.dumps(wish).encode(), JSON)
    assert (act.status, "retry-after" in act.headers) == (503, True), act.text

    disk.make_room()
    until(lambda: numbers.send().status == 204, 10)
    until(lambda: '"detail":""' in platform.get("/readyz").text.partition('"store"')[2], 15)
    assert platform.ask("POST", "/api/platform/actions/set_log_level", json.dumps(wish).encode(), JSON).status == 200
    assert numbers.found() == (numbers.samples, numbers.lines)
    platform.stop()
    assert checked(platform.data).returncode == 0
    again = launch()
    again.until_ready()
    numbers.platform = again
    assert numbers.found() == (numbers.samples, numbers.lines)


def test_a_checkpoint_has_room_when_the_log_finds_none(
    launch: Callable[..., Any], disk: SmallDisk, now_ms: int, until: Callable[..., None]
) -> None:
    """The room that the log could not reserve is enough to checkpoint, which frees the log: no person is needed."""
    platform = launch(settings=SETTINGS.replace("0.5", "30"))
    platform.until_ready()
    disk.fill(leave=60 * MIB)
    numbers = Numbers(platform, now_ms)
    until(lambda: numbers.send(weight=8 * MIB).status == 503)
    until(lambda: numbers.send().status == 204, 20)
    assert numbers.found() == (numbers.samples, numbers.lines)


def test_a_kill_and_a_start_on_a_full_disk_lose_nothing(
    launch: Callable[..., Any], disk: SmallDisk, now_ms: int, until: Callable[..., None], checked: Callable[..., Any]
) -> None:
    platform = launch(settings=SETTINGS)
    platform.until_ready()
    numbers = Numbers(platform, now_ms)
    for _ in range(5):
        numbers.send()
    disk.fill()
    until(lambda: numbers.send(weight=8 * MIB).status == 503)
    platform.kill()
    assert checked(platform.data).returncode == 0
    again = launch()
    again.until_ready()
    numbers.platform = again
    assert numbers.found() == (numbers.samples, numbers.lines)
    assert again.samples(("b", [(now_ms, 1.0)])).status == 503
    disk.make_room()
    until(lambda: again.samples(("b", [(now_ms, 1.0)])).status == 204, 10)
