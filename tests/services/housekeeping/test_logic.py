"""What a policy makes of the files that were seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from steersman.services.housekeeping.logic import fill_rate, matches, plan, words
from steersman.services.housekeeping.model import DiskPolicy, FileSeen, HousekeepingSettings, Measure, Scan, Usage

NS = 1_000_000_000
NOW = 1_000_000 * NS


def policy(**more: object) -> DiskPolicy:
    given = {"path": "/srv/x", "quota_bytes": 1000, "patterns": ["*.log"], **more}
    return DiskPolicy.model_validate(given)


def seen(name: str, size: int, age: float = 0) -> FileSeen:
    return FileSeen(name, size, NOW - int(age * NS), inode=hash(name))


def steps(rules: DiskPolicy, files: list[FileSeen], target: int) -> list[tuple[Measure, str]]:
    scan = Scan(tuple(files), sum(file.size for file in files), available=10**9)
    return [(step.measure, step.file.name) for step in plan(rules, scan, target, NOW)]


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("*.log", "a.log", True),
        ("*.log", "deep/er/a.log", True),
        ("*.log", "a.txt", False),
        ("deep/*.log", "deep/a.log", True),
        ("deep/*.log", "other/a.log", False),
        ("*.log", "a.log.20260101T000000000Z", True),
        ("*.log", "a.log.20260101T000000000Z.gz", True),
        ("*.log", "a.log.gz", True),
        ("*.log", "a.logs", False),
    ],
)
def test_a_file_is_matched_by_the_name_that_it_had_before_rotation(pattern: str, name: str, expected: bool) -> None:
    """Without a slash the name counts, with one the way from the folder on."""
    assert matches(policy(patterns=[pattern]), name) is expected


def test_the_oldest_go_first_and_only_as_many_as_needed() -> None:
    """The newest is kept whatever its age."""
    rules = policy(allow=["delete"], delete_after_seconds=10)
    files = [seen("new.log", 100, 20), seen("b.log", 100, 40), seen("a.log", 100, 30), seen("fresh.log", 500, 5)]
    assert steps(rules, files, 650) == [("delete", "b.log"), ("delete", "a.log")]
    assert steps(rules, files, 700) == [("delete", "b.log")]
    assert steps(rules, files, 800) == []


def test_what_loses_nothing_comes_first_and_a_live_log_is_emptied_last() -> None:
    """Compress, delete, truncate; what will be deleted is not compressed before."""
    rules = policy(
        allow=["compress", "delete", "truncate"],
        compress_after_seconds=5,
        delete_after_seconds=50,
        rotate_bytes=400,
        keep_newest=0,
    )
    files = [seen("live.log", 900), seen("old.log", 100, 100), seen("middle.log", 50, 10), seen("middle2.log.gz", 9, 9)]
    assert steps(rules, files, 10) == [("compress", "middle.log"), ("delete", "old.log"), ("truncate", "live.log")]


def test_a_log_is_rotated_only_where_it_may_not_be_emptied() -> None:
    """Its writer would go on in the file with the new name."""
    files = [seen("live.log", 900)]
    assert steps(policy(allow=["rotate"], rotate_bytes=500), files, 10) == [("rotate", "live.log")]
    both = policy(allow=["rotate", "truncate"], rotate_bytes=500)
    assert steps(both, files, 10) == [("truncate", "live.log")]


@given(
    sizes=st.lists(st.integers(0, 1000), max_size=12),
    ages=st.lists(st.integers(0, 100), min_size=12, max_size=12),
    target=st.integers(0, 5000),
    keep=st.integers(0, 5),
)
def test_nothing_is_deleted_that_the_policy_keeps(sizes: list[int], ages: list[int], target: int, keep: int) -> None:
    """No file that is young, among the newest, of another pattern, or not needed for the target."""
    rules = policy(allow=["delete"], delete_after_seconds=50, keep_newest=keep)
    files = [seen(f"{n}.log" if n % 3 else f"{n}.db", size, ages[n]) for n, size in enumerate(sizes)]
    scan = Scan(tuple(files), sum(sizes), 0)
    gone = [step.file for step in plan(rules, scan, target, NOW)]
    logs = sorted((file for file in files if file.name.endswith(".log")), key=lambda file: -file.modified_ns)
    assert all(file.name.endswith(".log") and NOW - file.modified_ns >= 50 * NS for file in gone)
    assert len(logs) - len(gone) >= min(keep, len(logs))
    assert scan.used - sum(file.size for file in gone[:-1]) > target or not gone


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"path": "srv/x"}, "absolute"),
        ({"path": "/srv/../etc"}, "'..'"),
        ({"path": "/"}, "absolute"),
        ({"path": "/etc/x"}, "belongs to the system"),
        ({"patterns": ["../*"]}, "stays below"),
        ({"patterns": [], "allow": ["truncate"]}, "needs patterns"),
        ({"allow": ["delete"]}, "needs delete_after_seconds"),
        ({"allow": ["shred"]}, "Input should be"),
    ],
)
def test_a_policy_that_could_do_harm_by_mistake_is_refused(wrong: dict[str, object], reason: str) -> None:
    """With the reason, before anything starts."""
    with pytest.raises(ValidationError, match=reason):
        policy(**wrong)


def test_one_folder_has_one_policy() -> None:
    """A folder inside another declared one would be counted twice."""
    paths = [{"path": path, "quota_bytes": 1} for path in ("/srv/x", "/srv/x/logs")]
    with pytest.raises(ValidationError, match="one policy for a folder"):
        HousekeepingSettings.model_validate({"paths": paths})
    HousekeepingSettings.model_validate({"paths": [{"path": p, "quota_bytes": 1} for p in ("/srv/x", "/srv/xy")]})


def test_it_says_when_the_folder_is_full() -> None:
    """From the rate of filling; nothing is foretold while it does not grow."""
    assert fill_rate([(0.0, 100), (5.0, 150), (10.0, 300)]) == 20.0
    assert fill_rate([(0.0, 100)]) == 0.0
    assert "full in 35 s" in words("/srv/x", Usage(300, 1000, 20.0))
    assert "full in" not in words("/srv/x", Usage(300, 1000, -5.0))
