"""Silence is told from an answer: one finding per source, and one for everything."""

from __future__ import annotations

from typing import Any

from steersman.model.findings import Aspect, Direction, FindingSource


def scrape(mesh: Any, sources: dict[str, int], rounds: int, silent: tuple[str, ...] = ()) -> None:
    """`sources` are intervals in seconds by the name of a service."""
    for second in range(rounds):
        for name, interval in sources.items():
            if name not in silent and second % interval == 0:
                for metric in ("up", "some_gauge", "another_gauge"):
                    mesh.value(metric, 1, service=name, replica="0", instance=name)
        mesh.step()


def test_a_source_that_falls_silent_is_one_finding_and_ends_when_it_is_back(mesh: Any) -> None:
    scrape(mesh, {"a": 1, "b": 1}, 60)
    scrape(mesh, {"a": 1, "b": 1}, 20, silent=("a",))
    (finding,) = mesh.findings
    assert (finding.entity.ref, finding.aspect, finding.direction) == ("process:a/0", Aspect.SOURCE, Direction.GONE)
    assert (finding.source, finding.severity) == (FindingSource.MISSING, "warning")
    assert finding.seen_ms - finding.started_ms <= 8_000
    scrape(mesh, {"a": 1, "b": 1}, 2)
    assert [one.active for one in mesh.findings] == [True, False]


def test_each_source_is_missed_by_its_own_interval(mesh: Any) -> None:
    scrape(mesh, {"quick": 1, "slow": 15}, 120)
    scrape(mesh, {"quick": 1, "slow": 15}, 30, silent=("slow",))
    assert mesh.findings == []
    scrape(mesh, {"quick": 1, "slow": 15}, 60, silent=("slow",))
    assert [one.entity.ref for one in mesh.findings] == ["process:slow/0"]


def test_when_all_is_silent_the_platform_is_blind_and_says_nothing_else(mesh: Any) -> None:
    scrape(mesh, {"a": 1, "b": 1, "c": 1}, 60)
    scrape(mesh, {}, 30)
    (finding,) = mesh.findings
    assert (finding.entity.ref, finding.severity, finding.aspect) == ("platform:steersman", "critical", Aspect.SOURCE)


def test_a_source_that_was_only_taught_from_the_past_is_not_missed(mesh: Any) -> None:
    for minute in range(100, 10, -1):
        mesh.value("up", 1, mesh.now - minute * 60_000, service="old")
    scrape(mesh, {"a": 1}, 60)
    assert mesh.findings == []


def test_a_version_that_changes_is_a_note_for_a_minute(mesh: Any) -> None:
    for second in range(120):
        mesh.value("build_info", 1, version="2.0" if second >= 30 else "1.9", service="a")
        mesh.step()
    begun, ended = mesh.findings
    assert (begun.aspect, begun.direction, begun.severity) == (Aspect.CONFIGURATION, Direction.NEW, "info")
    assert begun.reason == "build_info of a is 2.0, was 1.9"
    assert (ended.key, ended.active) == (begun.key, False)
