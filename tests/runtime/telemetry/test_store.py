"""What the store promises: what it acknowledged is there, once, for its tenant, whatever fails and whenever it ends."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steersman.model.errors import InvalidInput, Permanent, SteersmanError, Temporary
from steersman.model.ids import Tenant
from steersman.model.labels import METRIC_NAME, Matcher, MatchOp
from steersman.model.telemetry import WireFormat
from steersman.runtime.telemetry import manifest, wal
from steersman.runtime.telemetry.disk import AppendFile, LocalDisk
from steersman.runtime.telemetry.upkeep import ChildFailed
from steersman.runtime.telemetry.verify import verify

Begin = Callable[..., Any]
ANY = [Matcher(METRIC_NAME, MatchOp.REGEX, ".+")]
OTHER = Tenant("other")


class FullDisk(LocalDisk):
    """A real disk that is full for the paths under `full`; `None` means it has room."""

    def __init__(self) -> None:
        self.full: str | None = None

    def _check(self, path: Path) -> None:
        if self.full is not None and self.full in path.as_posix():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def open_append(self, path: Path, *, reserve: int = 0) -> AppendFile:
        self._check(path)
        return super().open_append(path, reserve=reserve)

    def write_file(self, path: Path, buffers: Any) -> None:
        self._check(path)
        super().write_file(path, buffers)


async def safe_up_to(life: Any, seq: int) -> None:
    async with asyncio.timeout(20):
        while life.store._synced_seq < seq:  # noqa: ASYNC110 - the log's thread tells the loop, and nobody else
            await asyncio.sleep(0)


async def fill(life: Any, first: int = 0, count: int = 30) -> None:
    for n in range(first, first + count):
        await life.samples([(f"m{n % 7}", 100_000 - n, float(n)), ("up", 100_000 - n, 1.0)])
        await life.lines(f"line {n}")
        await life.spans(f"span {n}")


def everything(life: Any) -> tuple[Any, Any, Any]:
    return life.found(), life.found_lines(), life.found_spans()


@pytest.mark.parametrize(
    "steps", [(), ("checkpoint",), ("seal",), ("checkpoint", "seal", "checkpoint"), ("seal", "seal", "merge")]
)
def test_a_killed_store_reads_the_same_when_it_starts_again(steps: tuple[str, ...], begin: Begin) -> None:
    async def run() -> None:
        async with begin() as life:
            for number, step in enumerate([*steps, ""]):
                await fill(life, number * 30)
                if step == "merge":
                    await life.store.upkeep.merge(2**50)
                elif step == "seal":
                    await life.store.upkeep.seal()
                elif step:
                    await life.store.checkpoints.write()
            before = everything(life)
            assert len(before[1]) == len(before[2]) == 30 * (len(steps) + 1)
        for _ in range(2):
            async with begin() as life:
                assert everything(life) == before
                assert verify(life.store.folder, life.store.engine) == []

    asyncio.run(run())


def test_a_stopped_store_starts_without_replaying_anything(begin: Begin) -> None:
    async def run() -> None:
        async with begin() as life:
            await fill(life)
            before = everything(life)
            await life.store.stop()
            with pytest.raises(Temporary):
                await life.lines("too late")
        async with begin() as life:
            assert (life.store.to_replay, everything(life)) == (0, before)

    asyncio.run(run())


def test_requests_during_the_restore_are_durable_first_and_readable_after_it(begin: Begin) -> None:
    async def run() -> None:
        async with begin() as life:
            await fill(life)
        async with begin(restore=False) as life:
            waiting = asyncio.ensure_future(life.lines("during the restore"))
            more = asyncio.ensure_future(life.samples([("new", 0, 1.0), ("up", 0, 2.0)]))
            await safe_up_to(life, life.store.to_replay + 2)
            assert ((await waiting).logs, (await more).samples) == (1, 2)
            assert "during the restore" in str([r.body for r in wal.replay(wal.segments(life.store.folder / "wal"), 0)])
            await life.store.restore()
            before = everything(life)
            assert "during the restore" in before[1]
        async with begin() as life:
            assert everything(life) == before

    asyncio.run(run())


def test_a_full_disk_during_the_restore_refuses_only_the_requests_that_are_not_safe(begin: Begin) -> None:
    disk = FullDisk()

    async def run() -> None:
        async with begin(disk, restore=False) as life:
            safe = asyncio.ensure_future(life.lines("safe"))
            await safe_up_to(life, 1)
            disk.full = "wal"
            with pytest.raises(Temporary, match="No space left"):
                await life.lines("x" * 5_000)
            disk.full = None
            later = asyncio.ensure_future(life.lines("later"))
            await safe_up_to(life, 2)
            await life.store.restore()
            await asyncio.gather(safe, later)
            assert life.found_lines() == ["later", "safe"]
        async with begin() as life:
            assert life.found_lines() == ["later", "safe"]

    asyncio.run(run())


@pytest.mark.parametrize("where", ["head/", "logs/", "manifest"])
def test_a_checkpoint_that_finds_the_disk_full_loses_nothing_and_is_tried_again(where: str, begin: Begin) -> None:
    disk = FullDisk()

    async def run() -> None:
        async with begin(disk) as life:
            await fill(life)
            disk.full = where
            for attempt in range(2):
                with pytest.raises(OSError, match="No space left"):
                    await life.store.checkpoints.write(rotate=attempt == 1)
                await fill(life, 30 * (attempt + 1))
            before = everything(life)
            assert len(before[1]) == 90
            disk.full = None
            await life.store.checkpoints.write()
            assert everything(life) == before
            assert life.store.live.pending_samples == 0
        async with begin() as life:
            assert (life.store.to_replay, everything(life)) == (0, before)

    asyncio.run(run())


def test_a_generation_that_did_not_reach_the_disk_is_not_sealed_without_its_last_samples(begin: Begin) -> None:
    disk = FullDisk()

    async def run() -> None:
        async with begin(disk) as life:
            await fill(life)
            await life.store.checkpoints.write()
            await fill(life, 30)
            before = everything(life)
            disk.full = "head/"
            for step in (life.store.upkeep.seal, life.store.upkeep.finish_sealing, life.store.upkeep.finish_sealing):
                with pytest.raises(OSError, match="No space left"):
                    await step()
                assert everything(life) == before
            disk.full = None
            await life.store.upkeep.finish_sealing()
            assert everything(life) == before
            assert [one.samples for one in life.store.manifest.metric_blocks] == [120]
        async with begin() as life:
            assert everything(life) == before

    asyncio.run(run())


def test_a_checkpoint_goes_on_when_sealing_fails_for_ever(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with begin() as life:
            upkeep = life.store.upkeep
            await fill(life)

            async def broken(*_: object, **__: object) -> bytes:
                raise ChildFailed("the block cannot be written")

            monkeypatch.setattr(upkeep, "_child", broken)
            with pytest.raises(ChildFailed):
                await upkeep.seal()
            for n in range(2):
                await fill(life, 30 + 30 * n)
                with pytest.raises(ChildFailed):
                    await upkeep.run()
                await life.store.checkpoints.write()
                assert life.store.manifest.applied_seq == life.store.applied_seq
            assert len(life.found_lines()) == 90

    asyncio.run(run())


def test_a_checkpoint_does_not_wait_for_a_process_that_seals(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with begin() as life:
            upkeep, gate = life.store.upkeep, asyncio.Event()
            really = upkeep._child
            started = asyncio.Event()

            async def slow(*arguments: str, **options: bytes) -> bytes:
                started.set()
                await gate.wait()
                return await really(*arguments, **options)

            monkeypatch.setattr(upkeep, "_child", slow)
            await fill(life)
            sealing = asyncio.ensure_future(upkeep.seal())
            await started.wait()
            await fill(life, 30)
            await asyncio.wait_for(life.store.checkpoints.write(), 20)
            assert life.store.manifest.applied_seq == life.store.applied_seq
            gate.set()
            await sealing
            assert len(life.store.manifest.metric_blocks) == 1
            before = everything(life)
            assert verify(life.store.folder, life.store.engine) == []
        async with begin() as life:
            assert everything(life) == before

    asyncio.run(run())


def test_a_cancelled_checkpoint_is_finished_or_left_as_if_it_had_never_begun(begin: Begin) -> None:
    async def run() -> None:
        async with begin() as life:
            for turns in range(25):
                await fill(life, turns * 2, 2)
                task = asyncio.ensure_future(life.store.checkpoints.write(rotate=turns % 3 == 0))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait({task})
                assert len(life.found_lines()) == len(life.found_spans()) == (turns + 1) * 2
            before = everything(life)
            assert verify(life.store.folder, life.store.engine) == []
        async with begin() as life:
            assert everything(life) == before

    asyncio.run(run())


def test_a_restore_that_failed_half_way_begins_again_and_doubles_nothing(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with begin() as life:
            await fill(life)
            await life.store.checkpoints.write()
            await fill(life, 30)
            before = everything(life)
        async with begin(restore=False) as life:
            replay = wal.replay

            def torn(paths: list[Path], after: int) -> Any:
                for number, record in enumerate(replay(paths, after)):
                    if number == 5:
                        raise OSError(errno.EIO, "the disk does not answer")
                    yield record

            with monkeypatch.context() as patch:
                patch.setattr(wal, "replay", torn)
                with pytest.raises(OSError, match="does not answer"):
                    await life.store.restore()
            assert isinstance(life.store.failure, SteersmanError)
            assert not life.store.ready
            await life.store.restore()
            assert (life.store.failure, everything(life)) == (None, before)

    asyncio.run(run())


@pytest.mark.parametrize("body", [b"", b"\xff", b"{", b"null"])
def test_a_wrong_request_changes_nothing(body: bytes, begin: Begin) -> None:
    async def run() -> None:
        async with begin() as life:
            await fill(life, count=3)
            before, seq = everything(life), life.store.applied_seq
            for kind in (WireFormat.REMOTE_WRITE_1, WireFormat.LOKI_JSON, WireFormat.OTLP_LOGS_JSON):
                with pytest.raises(InvalidInput):
                    await life.write(kind, body)
            assert (everything(life), life.store.applied_seq) == (before, seq)

    asyncio.run(run())


@pytest.mark.parametrize("sealed", [False, True])
def test_two_tenants_never_see_each_other(sealed: bool, begin: Begin) -> None:
    async def run() -> None:
        async with begin() as life:
            await life.samples([("up", 10, 1.0), ("mine", 10, 1.0)])
            await life.lines("my line")
            await life.spans("my span")
            queries = life.store.queries
            for stranger_wrote in (False, True):
                if sealed:
                    await life.store.upkeep.seal()
                assert life.found(OTHER) == ({("up", life.now_ms - 5): 2.0} if stranger_wrote else {})
                assert queries.label_values(OTHER, METRIC_NAME, (), 0, 2**60) == (["up"] if stranger_wrote else [])
                assert queries.label_names(OTHER, (), 0, 2**60) == ([METRIC_NAME] if stranger_wrote else [])
                assert len(queries.keys(OTHER, ANY, 0, 2**60)) == stranger_wrote
                assert len(queries.latest(OTHER, ANY, life.now_ms, 300_000).keys) == stranger_wrote
                assert life.found_lines(OTHER) == (["their line"] if stranger_wrote else [])
                assert life.found_spans(OTHER) == (["their span"] if stranger_wrote else [])
                if not stranger_wrote:
                    await life.samples([("up", 5, 2.0)], OTHER)
                    await life.lines("their line", tenant=OTHER)
                    await life.spans("their span", tenant=OTHER)
            assert life.found() == {("up", life.now_ms - 10): 1.0, ("mine", life.now_ms - 10): 1.0}
            assert life.found_lines() == ["my line"]

    asyncio.run(run())


def test_blocks_go_when_they_are_too_old_or_the_store_too_large(begin: Begin) -> None:
    async def run() -> None:
        async with begin(retention_seconds=3600) as life:
            upkeep = life.store.upkeep
            await fill(life)
            await upkeep.seal()
            life.clock.tick(3000)
            await fill(life, 30)
            await upkeep.seal()
            assert await upkeep.retain(life.now_ms) == []
            life.clock.tick(1000)
            assert len(await upkeep.retain(life.now_ms)) == 3
            assert (len(life.found()), life.found_lines()) == (60, sorted(f"line {n}" for n in range(30, 60)))
        async with begin(retention_bytes=1) as life:
            assert len(life.found()) == 60
            await life.store.upkeep.retain(life.now_ms)
            assert everything(life) == ({}, [], [])
            assert (
                sorted(p.name for kind in ("metrics", "logs", "spans") for p in (life.store.folder / kind).glob("*"))
                == []
            )

    asyncio.run(run())


def test_files_that_nobody_names_are_removed_and_the_others_stay(begin: Begin) -> None:
    async def run() -> None:
        async with begin() as life:
            await fill(life)
            await life.store.upkeep.seal()
            before, folder = everything(life), life.store.folder
        for name in (
            "head/samples-000099",
            "metrics/block-00000099.samples.parquet",
            "logs/x.parquet",
            "spans/x.index",
        ):
            (folder / name).write_bytes(b"half of something")
        async with begin() as life:
            assert everything(life) == before
            assert not list(folder.glob("*/*99*")) + list(folder.glob("*/x.*"))

    asyncio.run(run())


@pytest.mark.parametrize("content", [b"", b"5", b"null", b"[]", b'"x"', b"{}", b'{"format":1}', None])
def test_a_damaged_or_lost_manifest_stops_the_start_and_deletes_nothing(content: bytes | None, begin: Begin) -> None:
    async def run() -> None:
        async with begin() as life:
            await fill(life)
            await life.store.upkeep.seal()
            folder = life.store.folder
        path = folder / manifest.NAME
        path.unlink() if content is None else path.write_bytes(content)
        files = sorted(folder.rglob("*"))
        with pytest.raises(Permanent, match=r"restore .* from a backup"):
            async with begin():
                pass
        assert sorted(folder.rglob("*")) == files

    asyncio.run(run())


@pytest.mark.parametrize("name", ["head/samples-*", "head/series-*"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_checkpoint_stops_the_restore_and_says_what_to_do(name: str, damage: str, begin: Begin) -> None:
    async def run() -> None:
        async with begin() as life:
            await fill(life)
            await life.store.checkpoints.write()
            [path] = life.store.folder.glob(name)
        content = path.read_bytes()
        if damage == "remove":
            path.unlink()
        else:
            path.write_bytes(
                content[:-1] if damage == "cut" else content[:50] + bytes([content[50] ^ 1]) + content[51:]
            )
        async with begin(restore=False) as life:
            with pytest.raises(Permanent, match=rf"{path.name}.*restore it from a backup"):
                await life.store.restore()
            assert isinstance(life.store.failure, Permanent)
            assert not life.store.ready

    asyncio.run(run())


@pytest.mark.slow
def test_series_that_come_and_go_do_not_pile_up(begin: Begin) -> None:
    async def run() -> None:
        async with begin() as life:
            for generation in range(25):
                life.clock.tick(60)
                await life.samples([(f"pod_{generation}_{n}", 0, 1.0) for n in range(2000)])
                await life.store.upkeep.seal()
                assert life.store.live.series.size <= 20_000
            size = life.store.live.series.size
            assert len(life.store.queries.select("default", ANY, 0, 2**60).keys) == 50_000
        async with begin() as life:
            assert life.store.live.series.size <= size
            assert len(life.found()) == 50_000

    asyncio.run(run())


def test_the_limit_of_series_is_told_and_known_series_go_on(begin: Begin) -> None:
    async def run() -> None:
        async with begin(max_series=10) as life:
            report = await life.samples([(f"m{n}", 10, 1.0) for n in range(15)])
            [refusal] = report.refused
            assert (report.samples, refusal.count) == (10, 5)
            assert "telemetry.store.max_series" in refusal.reason
            assert (await life.samples([(f"m{n}", 0, 2.0) for n in range(10)])).samples == 10
            before = life.found()
        async with begin(max_series=10) as life:
            assert life.found() == before

    asyncio.run(run())
