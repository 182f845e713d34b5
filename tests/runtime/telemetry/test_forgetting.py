"""Somebody is taken out of stored logs and spans: out of the blocks, the log on disk and whatever else holds them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from steersman.contract.identifiers import ERASED, Identifiers
from steersman.engine.personal import mask
from steersman.model.ids import Tenant
from steersman.model.telemetry import WireFormat
from steersman.runtime.telemetry.disk import LocalDisk
from steersman.runtime.telemetry.events.naming import Masker, Wanted
from steersman.runtime.telemetry.forgetting import forget, tell
from steersman.runtime.telemetry.verify import Problem, verify

WHO = Identifiers(("leocadia@featherstone.example",), ("leocadia.featherstone",))
WANTED = Wanted("default", WHO)
MASKER = Masker(mask, "steersman.engine.personal:mask")
pytestmark = pytest.mark.anyio
SAID = "leocadia.featherstone paid with 4111 1111 1111 1111"


def on_disk(folder: Path, *words: bytes) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if any(word in path.read_bytes().lower() for word in words)]


async def fill(life: Any) -> None:
    await life.lines(SAID, "nobody is named here")
    await life.store.checkpoints.write()
    await life.lines("mail to Leocadia@Featherstone.example failed")
    await life.lines("leocadia.featherstone is known elsewhere too", tenant=Tenant("other"))
    await life.spans("GET /people/leocadia.featherstone", "GET /people")


@pytest.mark.requirement("GDPR-17")
async def test_no_record_and_no_file_names_them_any_more(begin: Any, tmp_path: Path) -> None:
    """Records stay, others' are untouched, and what else was personal in a record goes with the name."""
    async with begin() as life:
        await fill(life)
        assert await forget(life.store, WANTED, MASKER) == {"logs": 2, "spans": 1, "exemplars": 0}
        lines = life.found_lines()
        assert lines == [
            f"{ERASED} paid with **** **** **** 1111",
            f"mail to {ERASED} failed",
            "nobody is named here",
        ]
        assert life.found_spans() == ["GET /people", f"GET /people/{ERASED}"]
        assert life.found_lines(Tenant("other")) == ["leocadia.featherstone is known elsewhere too"]
        wals = on_disk(life.store.folder / "wal", b"featherstone")
        assert wals == []


async def test_whoever_was_taken_out_is_found_by_no_search(begin: Any) -> None:
    from steersman.engine.logs.query import parse

    async with begin() as life:
        await fill(life)
        await forget(life.store, WANTED, MASKER)
        for asked in ("leocadia", "featherstone", '"paid with"'):
            rows = life.store.logs.search("default", parse(asked), -(2**62), 2**62).rows
            assert len(rows) == (1 if "paid" in asked else 0)
        await life.store.stop()
        assert verify_problems(life.store.folder) == []


def verify_problems(folder: Path) -> list[Problem]:
    from steersman.engine.telemetry import TelemetryEngine

    return verify(folder, TelemetryEngine())


async def test_it_may_be_done_again(begin: Any) -> None:
    async with begin() as life:
        await fill(life)
        await forget(life.store, WANTED, MASKER)
        names = {one.name for one in life.store.manifest.event_blocks}
        assert set((await forget(life.store, WANTED, MASKER)).values()) == {0}
        assert {one.name for one in life.store.manifest.event_blocks} == names


async def test_attributes_are_cleaned_and_the_name_of_a_program_is_not(begin: Any) -> None:
    """An escaped spelling in JSON is the same name, and a service may be called like somebody."""
    body = {"streams": [{"stream": {"service": "leocadia.featherstone", "user": "leocadia.featherstone", "card": "4111 1111 1111 1111"}, "values": [["1767225600000000000", "hello"]]}]}  # fmt: skip
    text = json.dumps(body).replace('"user": "leo', '"user": "\\u006ceo')
    async with begin() as life:
        await life.write(WireFormat.LOKI_JSON, text.encode())
        assert (await forget(life.store, WANTED, MASKER))["logs"] == 1
        row = life.store.logs.search("default", _everything(), -(2**62), 2**62).rows[0]
        assert row["service"] == "leocadia.featherstone"
        assert row["attributes"] == {"service": "leocadia.featherstone", "user": ERASED, "card": "**** **** **** 1111"}


def _everything() -> Any:
    from steersman.model.search import Everything

    return Everything()


@pytest.mark.requirement("GDPR-15")
async def test_their_records_are_told_and_nobody_elses(begin: Any) -> None:
    async with begin() as life:
        await fill(life)
        told = await tell(life.store, WANTED, 10)
        assert told.complete
        assert [row["body"] for row in told.records["logs"]] == [SAID, "mail to Leocadia@Featherstone.example failed"]
        assert [row["name"] for row in told.records["spans"]] == ["GET /people/leocadia.featherstone"]
        assert not (await tell(life.store, WANTED, 1)).complete


async def test_what_comes_in_after_the_log_was_left_is_kept(begin: Any) -> None:
    """The next life finds it, though no file of the log before it is there any more."""
    async with begin() as life:
        await fill(life)
        await forget(life.store, WANTED, MASKER)
        await life.lines("after it")
        await life.kill()
    async with begin() as life:
        assert "after it" in life.found_lines()
        assert not any("featherstone" in line for line in life.found_lines())


class Killed(BaseException):
    """The process ended here."""


class MortalDisk(LocalDisk):
    """Ends the process before its nth change from now on."""

    left: int | None = None

    def _step(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Killed

    def write_file(self, path: Path, buffers: Any) -> None:
        self._step()
        super().write_file(path, buffers)

    def replace(self, source: Path, target: Path) -> None:
        self._step()
        super().replace(source, target)

    def remove(self, path: Path) -> None:
        self._step()
        super().remove(path)

    def sync_folder(self, path: Path) -> None:
        self._step()
        super().sync_folder(path)


@pytest.mark.requirement("GDPR-17")
async def test_a_kill_at_any_change_of_the_disk_loses_no_record_and_the_next_life_finishes(
    begin: Any, tmp_path: Path
) -> None:
    step, killed = 0, True
    while killed:
        folder = tmp_path / f"store-{step}"
        disk = MortalDisk()
        killed = False
        try:
            async with begin(disk, folder=folder) as life:
                await fill(life)
                disk.left = step
                await forget(life.store, WANTED, MASKER)
                disk.left = None
        except Killed:
            killed = True
        async with begin(folder=folder) as life:
            assert (len(life.found_lines()), len(life.found_spans())) == (3, 2)
            await forget(life.store, WANTED, MASKER)
            assert sum(ERASED in line for line in life.found_lines()) == 2
            assert not any("featherstone" in text.lower() for text in life.found_lines() + life.found_spans())
            await life.store.stop()
        assert verify_problems(folder) == []
        step += 1
    assert step > 10, "the disk is changed more often than this"


@pytest.mark.slow
async def test_a_large_block_is_written_again_by_a_process_that_ends(begin: Any, monkeypatch: Any) -> None:
    from steersman.runtime.telemetry import upkeep

    monkeypatch.setattr(upkeep, "_BYTES_MERGED_HERE", 0)
    async with begin() as life:
        await fill(life)
        assert (await forget(life.store, WANTED, MASKER))["logs"] == 2
        assert sum(ERASED in line for line in life.found_lines()) == 2
