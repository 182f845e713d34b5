"""Whatever is done to the journal shows, and the first entry that is wrong is named."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from steersman.services.audit.commands import bench_tampering
from steersman.services.audit.model.records import Fault
from steersman.services.audit.store import tables
from steersman.services.audit.store.keys import new_key


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bench_tampering.Evidence]:
    found = bench_tampering.prepare(tmp_path_factory.mktemp("evidence") / "data")
    yield found
    found.database.close()


@pytest.mark.parametrize("way", bench_tampering.WAYS)
@pytest.mark.requirement("ASVS-16.4.2", "SOC2-CC7.2")
def test_every_random_tampering_is_found(way: str, evidence: bench_tampering.Evidence) -> None:
    """With its first entry, where the leaves can tell; and without tampering there is nothing to find."""
    assert bench_tampering._is_sound(evidence)
    chance = random.Random(way)
    for _ in range(12):
        trial = bench_tampering.tampered(evidence, bench_tampering.WAYS[way], chance)
        assert trial.verdict.problem is not None
        assert trial.first in (None, trial.verdict.problem.seq)
    assert bench_tampering._is_sound(evidence)


CHANGES = [
    ("UPDATE journal SET actor = 'other' WHERE seq = 5", Fault.CHANGED, 5),
    ("UPDATE journal SET payload = payload || ' ' WHERE seq = 5", Fault.CHANGED, 5),
    ("UPDATE journal SET payload = CAST(payload AS BLOB) WHERE seq = 5", Fault.CHANGED, 5),
    ("UPDATE journal SET actor = CAST(X'ff' AS TEXT) WHERE seq = 5", Fault.CHANGED, 5),
    ("UPDATE journal SET cause = '' WHERE seq = 5", Fault.CHANGED, 5),
    ("DELETE FROM journal WHERE seq = 5", Fault.MISSING, 5),
    ("DELETE FROM journal WHERE seq >= 5", Fault.MISSING, 5),
    ("DELETE FROM journal", Fault.MISSING, 1),
    ("UPDATE journal SET seq = 99 WHERE seq = 5", Fault.REORDERED, 5),
    ("UPDATE journal SET seq = -5 WHERE seq = 5", Fault.INSERTED, -5),
    (
        "INSERT INTO journal SELECT 0, 'new', time_ns, tenant, actor, type, subject, payload, cause FROM journal LIMIT 1",
        Fault.INSERTED,
        0,
    ),
]


@pytest.mark.parametrize(("change", "fault", "seq"), CHANGES)
def test_a_change_is_told_by_its_kind_and_its_entry(desk: Any, change: str, fault: Fault, seq: int) -> None:
    desk.signed(12)
    desk.do(change)
    problem = desk.verdict().problem
    assert (problem.fault, problem.seq) == (fault, seq)


def test_two_entries_that_changed_places_are_told_as_reordered(desk: Any) -> None:
    desk.signed(12)
    desk.do(*[f"UPDATE journal SET seq = {to} WHERE seq = {of}" for of, to in ((4, -1), (9, 4), (-1, 9))])
    problem = desk.verdict().problem
    assert (problem.fault, problem.seq) == (Fault.REORDERED, 4)
    assert "now stands as 9" in problem.words


def test_a_leaf_that_was_changed_with_its_entry_is_found_by_the_checkpoint(desk: Any) -> None:
    """Only between which checkpoints it was can be told then."""
    log = desk.signed(10)
    desk.append(10)
    log.follow()
    desk.do("UPDATE journal SET actor = 'other' WHERE seq = 15")
    with desk.database.transaction() as connection:
        bench_tampering._recompute(connection, [])
    problem = desk.verdict().problem
    assert (problem.fault, problem.seq) == (Fault.REWRITTEN, 11)
    assert "checkpoint of 10 entries before it still agrees" in problem.words


def test_with_a_stolen_key_only_a_checkpoint_kept_elsewhere_can_tell(desk: Any) -> None:
    """The database agrees with itself: that is the limit, and why copies are to be kept."""
    log, kept = desk.signed(10), desk.copied()
    desk.do("UPDATE journal SET actor = 'other' WHERE seq = 5", "DELETE FROM audit_checkpoints")
    with desk.database.transaction() as connection:
        (root,) = bench_tampering._recompute(connection, [10])
        tables.add_checkpoint(connection, 10, log.key.sign(10, root, 1).text())
    assert desk.verdict().problem is None
    assert desk.verdict(kept).problem.fault is Fault.REWRITTEN


def test_a_checkpoint_by_another_key_is_no_checkpoint(desk: Any) -> None:
    log = desk.signed(10)
    forged = new_key().sign(10, log.head.frontier.root(), 1).text()
    problem = desk.verdict([forged]).problem
    assert (problem.fault, problem.seq) == (Fault.CHECKPOINT, None)


def test_a_journal_without_any_checkpoint_is_not_called_sound(desk: Any) -> None:
    """Otherwise whoever takes all evidence away would be believed."""
    desk.signed(10)
    desk.do(*[f"DELETE FROM audit_{table}" for table in ("leaves", "tiles", "checkpoints")])
    assert desk.verdict().problem.fault is Fault.CHECKPOINT


def test_entries_after_the_newest_checkpoint_are_counted_and_not_vouched_for(desk: Any) -> None:
    log = desk.signed(10)
    desk.append(3)
    log.follow()
    desk.append(4)
    verdict = desk.verdict()
    assert (verdict.problem, verdict.size, verdict.pending) == (None, 13, 7)


def test_the_thousand_tamperings_are_a_command_that_counts(tmp_path: Path) -> None:
    """A short run of what `steersman bench audit` prints."""
    found = bench_tampering.measure(tmp_path / "bench", 12, seed=7)
    assert found["untouched_passes"]
    assert (found["found"], found["total"]) == (12, 12)


@pytest.mark.slow
def test_each_of_a_thousand_tamperings_is_found(evidence: bench_tampering.Evidence) -> None:
    """Edits, deletions, insertions, reorderings, truncations and rewrites in turn."""
    chance, ways = random.Random(1000), list(bench_tampering.WAYS.values())
    for number in range(1_000):
        trial = bench_tampering.tampered(evidence, ways[number % len(ways)], chance)
        assert trial.verdict.problem is not None, number
