"""The log follows the journal, signs when it is due, and goes on from what is stored, whoever stored it."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from steersman.engine.audit.checkpoint import parse_note
from steersman.engine.audit.tree import Frontier, grow
from steersman.model.errors import Permanent
from steersman.services.audit.jobs import follow
from steersman.services.audit.model.settings import AuditSettings
from steersman.services.audit.store import tables
from steersman.services.audit.store.chain import chain_of
from steersman.services.audit.store.copies import COPY_FILE


def sizes(notes: list[str]) -> list[int]:
    return [parse_note(note).checkpoint.size for note in notes]


def test_every_entry_becomes_a_leaf_in_the_order_of_the_journal(desk: Any) -> None:
    """However many there were at each look, over more than a tile; the root is that of the leaves."""
    log = desk.open()
    for count in (1, 5, 250, 3, 300):
        desk.append(count)
        assert not log.follow()
    with desk.database.reading() as connection:
        found = list(tables.every_leaf(connection))
    assert [leaf.seq for leaf in found] == list(range(1, 560))
    assert [leaf.position for leaf in found] == list(range(559))
    assert log.head.frontier == grow(Frontier(), [leaf.hash for leaf in found]).frontier
    assert desk.verdict().problem is None


def test_a_checkpoint_is_signed_after_so_many_entries_or_so_long(desk: Any) -> None:
    """And never when there is nothing new."""
    log = desk.open()
    for count, seconds in ((1, 0), (5, 30), (0, 29), (0, 1), (0, 999), (9, 0), (1, 0)):
        desk.append(count)
        desk.clock.tick(seconds)
        log.follow()
    assert sizes(desk.notes()) == [1, 6, 15]
    desk.clock.jump_wall(-3_600)
    log.follow()
    assert sizes(desk.notes()) == [1, 6, 15, 16]


def test_checkpoints_are_signed_by_the_key_of_the_data_directory_and_copied_to_a_file(desk: Any) -> None:
    log = desk.signed(12)
    desk.append(12)
    log.follow()
    assert desk.copied() == desk.notes()
    assert [chain_of(log.key.public, []).verified(note).checkpoint.size for note in desk.copied()] == [12, 24]
    assert (desk.folder / COPY_FILE).stat().st_mode & 0o777 == 0o600


def test_the_next_life_goes_on_where_the_last_one_was(desk: Any) -> None:
    first = desk.signed(300)
    desk.append(5)
    second = desk.open()
    assert (second.head, second.key.public) == (first.head, first.key.public)
    second.finish()
    assert sizes(desk.notes()) == [300, 305]
    assert desk.verdict().problem is None


def test_a_journal_with_gaps_in_its_numbers_is_followed(desk: Any) -> None:
    """PostgreSQL leaves one behind whenever a transaction is taken back."""
    desk.append(3)
    desk.do("UPDATE journal SET seq = seq + 10 WHERE seq > 1")
    log = desk.open()
    log.finish()
    assert (log.head.size, log.head.seq) == (3, 13)
    assert desk.verdict().problem is None


def test_what_a_kill_left_half_written_in_the_file_is_made_good(desk: Any) -> None:
    """The database has the checkpoint already; the file gets it at the next start, whole and once."""
    desk.signed(12)
    whole = (desk.folder / COPY_FILE).read_bytes()
    for kept in (0, 1, 40, len(whole) - 3, len(whole) - 1):
        (desk.folder / COPY_FILE).write_bytes(whole[:kept])
        desk.open()
        assert desk.copied() == desk.notes()


def test_a_file_that_is_gone_is_written_anew(desk: Any) -> None:
    desk.signed(12)
    (desk.folder / COPY_FILE).unlink()
    desk.open()
    assert desk.copied() == desk.notes()


def test_two_jobs_on_one_database_make_one_tree(desk: Any) -> None:
    """Two workers with the same key: no leaf twice, no size signed twice, and both files have every checkpoint."""
    logs = [desk.open(AuditSettings(checkpoint_entries=3)) for _ in range(2)]
    stop = threading.Event()

    def work(log: Any) -> None:
        while not stop.is_set():
            log.follow()

    with ThreadPoolExecutor(2) as pool:
        working = [pool.submit(work, log) for log in logs]
        for _ in range(40):
            desk.append(3)
        stop.set()
        assert [one.result() for one in working] == [None, None]
    for log in logs:
        log.finish()
    assert logs[0].head == logs[1].head
    assert logs[0].head.size == 120
    assert len(set(sizes(desk.notes()))) == len(desk.notes())
    assert set(desk.copied()) == set(desk.notes())
    assert desk.verdict().problem is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE audit_leaves SET hash = zeroblob(32) WHERE position = 3", "does not have the root"),
        ("DELETE FROM audit_leaves WHERE position = 3", "does not have the root"),
        ("DELETE FROM audit_leaves WHERE position > 3", "does not have the root"),
        ("UPDATE audit_checkpoints SET note = replace(note, 'time_ns 1', 'time_ns 2')", "signature .* is wrong"),
        ("DELETE FROM audit_checkpoints", "the database does not have"),
    ],
)
def test_evidence_that_was_tampered_with_stops_the_start_with_the_next_step(desk: Any, change: str, words: str) -> None:
    desk.signed(12)
    desk.do(change)
    with pytest.raises(Permanent, match=f"(?s){words}.*steersman audit anew"):
        desk.open()


def test_a_database_that_was_set_back_stops_the_start(desk: Any) -> None:
    """Going on would sign another root for a size that somebody may have a checkpoint of."""
    log = desk.signed(12)
    desk.append(12)
    log.follow()
    desk.do("DELETE FROM journal WHERE seq > 12", "DELETE FROM audit_leaves WHERE seq > 12")
    desk.do("DELETE FROM audit_checkpoints WHERE size > 12")
    with pytest.raises(Permanent, match="24 entries that the database does not have"):
        desk.open()


def test_a_database_that_is_set_back_under_a_running_log_is_not_signed(desk: Any) -> None:
    """The tree in memory knows better, also when as many entries are there again."""
    log = desk.signed(12)
    desk.do("DELETE FROM journal WHERE seq > 6", "DELETE FROM audit_leaves WHERE seq > 6")
    desk.do("DELETE FROM audit_checkpoints")
    desk.append(20)
    for _ in range(2):
        with pytest.raises(Permanent, match="lacks what it had at 12 entries"):
            log.follow(sign_now=True)
    assert desk.notes() == []


def test_a_file_that_holds_something_else_stops_the_start(desk: Any) -> None:
    desk.signed(12)
    (desk.folder / COPY_FILE).write_bytes(b"x" * 5_000)
    with pytest.raises(Permanent, match="move it aside"):
        desk.open()


def test_an_entry_that_nobody_can_have_written_stops_the_log(desk: Any) -> None:
    """It is not left out in silence, nor does the log go on behind it."""
    desk.append(1)
    log = desk.open()
    desk.do("UPDATE journal SET time_ns = 1.5")
    with pytest.raises(Permanent, match="the entry 1 "):
        log.follow()


def test_the_job_follows_until_it_is_stopped(desk: Any) -> None:
    """It looks again after its interval, on the virtual clock."""
    log = desk.open()

    async def life() -> None:
        task = asyncio.get_running_loop().create_task(follow(desk.context(log)))
        for _ in range(2):
            desk.append(10)
            while not desk.clock._sleepers:  # noqa: ASYNC110 the virtual clock tells nobody
                await asyncio.sleep(0.001)
            await desk.clock.advance(1)
        while log.head.size < 20:  # noqa: ASYNC110 likewise
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(life())
    assert log.head.size == 20
