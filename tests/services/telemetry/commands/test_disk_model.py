"""The model is what the proof of lost writes stands on, so it is itself proved here, promise by promise."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.services.telemetry.commands.prove.disk_model import (
    SECTOR,
    Create,
    Disk,
    Fate,
    Operation,
    Remove,
    Rename,
    Resize,
    Sync,
    SyncFolder,
    Write,
)

SEEDS = 60


def trees(operations: list[Operation], *fates: Fate, disk: Disk | None = None) -> list[dict[str, bytes]]:
    disk = disk or Disk({})
    for operation in operations:
        disk.apply(operation)
    return [disk.after_power_loss(fate, Random(seed)) for fate in fates or Fate for seed in range(SEEDS)]


def saved(path: str = "log", content: bytes = b"") -> list[Operation]:
    return [Create(1, path), Write(1, 0, content), Sync(1, 2), SyncFolder(".", 3)]


def test_what_was_synced_with_its_name_survives_every_fate():
    assert all(tree == {"log": b"safe"} for tree in trees(saved(content=b"safe")))


def test_a_synced_file_whose_folder_was_not_synced_may_be_gone():
    found = trees(saved(content=b"safe")[:-1])
    assert {} in found
    assert {"log": b"safe"} in found


def test_a_synced_folder_saves_the_name_and_not_the_content():
    found = trees([Create(1, "log"), Write(1, 0, b"lost"), SyncFolder(".", 2)])
    assert all(set(tree) == {"log"} for tree in found)
    assert {b"", b"lost"} <= {tree["log"] for tree in found}


def test_a_sync_does_not_cover_what_was_written_after_it_began():
    """The write is noted before the sync returns, as another thread's write is."""
    operations = [Create(1, "log"), SyncFolder(".", 1), Write(1, 0, b"before"), Write(1, 6, b"after"), Sync(1, 3)]
    found = trees(operations)
    assert all(tree["log"].startswith(b"before") for tree in found)
    assert {"log": b"before"} in found


def test_unsynced_writes_may_arrive_in_any_order():
    operations = [*saved(content=b"--"), Write(1, 0, b"a"), Write(1, 1, b"b")]
    found = {tree["log"] for tree in trees(operations, Fate.SHUFFLED)}
    assert found == {b"--", b"a-", b"-b", b"ab"}


def test_a_write_may_be_torn_at_a_sector_and_inside_one():
    operations = [*saved(content=bytes(4 * SECTOR)), Write(1, 0, b"x" * 4 * SECTOR)]
    found = [tree["log"] for tree in trees(operations, Fate.TORN)]
    sectors = [[content[at : at + SECTOR] for at in range(0, 4 * SECTOR, SECTOR)] for content in found]
    assert any(one[0] == bytes(SECTOR) and one[1] == b"x" * SECTOR for one in sectors)
    assert any(0 < part.count(b"x") < SECTOR for one in sectors for part in one)
    assert all(set(content) <= {0, ord("x")} and len(content) == 4 * SECTOR for content in found)


def test_a_file_that_grew_may_hold_zeros_or_old_blocks_behind_what_is_safe():
    operations = [*saved(content=b"safe"), Write(1, 4, b"x" * SECTOR)]
    zeros = [tree["log"] for tree in trees(operations, Fate.TORN)]
    garbage = [tree["log"] for tree in trees(operations, Fate.GARBAGE)]
    assert all(content.startswith(b"safe") for content in zeros + garbage)
    assert any(0 in content for content in zeros)
    assert any(set(content[4:]) - {0, ord("x")} for content in garbage)


def test_a_rename_happens_whole_or_not_at_all():
    operations = [*saved("new", b"fresh"), Create(2, "old"), SyncFolder(".", 5), Rename("new", "old")]
    found = trees(operations)
    assert {"new": b"fresh", "old": b""} in found
    assert {"old": b"fresh"} in found
    assert all(tree in ({"new": b"fresh", "old": b""}, {"old": b"fresh"}) for tree in found)


def test_a_name_may_come_to_stand_for_content_that_was_never_synced():
    """The classical mistake: write a file beside, rename it, and sync only the folder."""
    operations = [*saved("new", b"")[:3], Write(1, 0, b"content"), Rename("new", "file"), SyncFolder(".", 5)]
    assert {"file": b""} in trees(operations)


def test_a_removed_file_may_come_back_until_its_folder_is_synced():
    removed = [*saved(content=b"back"), Remove("log")]
    assert {"log": b"back"} in trees(removed)
    assert trees([*removed, SyncFolder(".", 5)]) == [{}] * (len(Fate) * SEEDS)


def test_a_truncation_may_be_undone_until_the_file_is_synced():
    cut = [*saved(content=b"long"), Resize(1, 1)]
    assert {tree["log"] for tree in trees(cut)} == {b"long", b"l"}
    assert {tree["log"] for tree in trees([*cut, Sync(1, 5)])} == {b"l"}


def test_a_file_in_a_new_folder_may_be_gone_until_that_folder_s_own_name_is_safe():
    inside = [Create(1, "a/log"), Sync(1, 1), SyncFolder("a", 2)]
    assert {} in trees(inside)
    assert all(tree == {"a/log": b""} for tree in trees([*inside, SyncFolder(".", 3)]))
    assert all(tree == {"a/log": b""} for tree in trees(inside, disk=Disk({}, folders=["a"])))


def test_what_was_there_before_is_safe_and_can_be_changed():
    disk = Disk({"log": (7, b"old")})
    assert {tree["log"] for tree in trees([Write(7, 3, b"+"), Sync(7, 1)], disk=disk)} == {b"old+"}


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 40), st.binary(min_size=1, max_size=20)),
        st.tuples(st.just("resize"), st.integers(0, 40), st.just(b"")),
        st.tuples(st.just("sync"), st.just(0), st.just(b"")),
    ),
    max_size=12,
)


@given(OPERATIONS, st.sampled_from(Fate), st.integers(0, 1000))
def test_after_a_last_sync_every_fate_shows_what_the_program_saw(steps, fate: Fate, seed: int):
    disk, seen = Disk({"f": (1, b"")}), bytearray()
    for count, (kind, number, content) in enumerate([*steps, ("sync", 0, b"")]):
        if kind == "write":
            seen.extend(bytes(max(0, number - len(seen))))
            seen[number : number + len(content)] = content
            disk.apply(Write(1, number, content))
        elif kind == "resize":
            seen = seen[:number] + bytes(max(0, number - len(seen)))
            disk.apply(Resize(1, number))
        else:
            disk.apply(Sync(1, count))
    assert disk.after_power_loss(fate, Random(seed)) == {"f": bytes(seen)}
    assert disk.unsynced == 0


@pytest.mark.parametrize("fate", Fate)
def test_the_same_seed_shows_the_same_tree(fate: Fate):
    disk = Disk({})
    for operation in [*saved(content=b"x" * 2000), Write(1, 100, b"y" * 3000), Create(2, "other")]:
        disk.apply(operation)
    assert disk.after_power_loss(fate, Random(5)) == disk.after_power_loss(fate, Random(5))
