"""Lines that differ in their parameters are one template; a new error line that repeats is news."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from steersman.engine.logs.templates import WILDCARD, LogSense, TemplateMiner
from steersman.model.findings import Aspect, Direction, Finding
from steersman.model.telemetry import LogColumns

T0 = 1_800_000_000_000


def logs(now_ms: int, *lines: tuple[str, int], service: str = "orders") -> LogColumns:
    count = len(lines)
    return LogColumns(
        [now_ms * 1_000_000] * count, [severity for _, severity in lines], [service] * count, [body for body, _ in lines],
        ["{}"] * count, [""] * count, [""] * count,
    )  # fmt: skip


def run(sense: LogSense, seconds: range, *lines: tuple[str, int]) -> list[Finding]:
    found = []
    for second in seconds:
        sense.fold([logs(T0 + second * 1000, *lines)] if lines else [], T0 + second * 1000)
        found += sense.findings(T0 + second * 1000)
    return found


def test_parameters_become_wildcards() -> None:
    miner = TemplateMiner()
    for number, who in enumerate(["ann", "bob", "cem"]):
        template = miner.add("orders", 9, f"user {who} bought 0x{number:04x} for {number}.99 EUR", T0)
    assert template.text == f"user {WILDCARD} bought {WILDCARD} for {WILDCARD} EUR"
    assert (template.count, miner.size) == (3, 1)


def test_lines_of_another_kind_or_service_are_other_templates() -> None:
    miner = TemplateMiner()
    texts = ["connection refused by peer now", "cache warmed in time again", "short"]
    assert len({miner.add(service, 9, text, T0).text + service for text in texts for service in "ab"}) == 6


@given(st.lists(st.text(max_size=30), max_size=50))
def test_every_line_is_of_the_template_that_it_is_given_and_the_state_is_json(lines: list[str]) -> None:
    sense = LogSense()
    for line in lines:
        template = sense.miner.add("s", 9, line, T0)
        tokens = line.split()
        assert len(tokens) == len(template.tokens)
        assert all(known in {token, WILDCARD} for known, token in zip(template.tokens, tokens, strict=True))
    assert sum(one.count for one in sense.miner.templates()) == len(lines)
    other = LogSense()
    other.restore(json.loads(json.dumps(sense.export())))
    assert other.export() == sense.export()


def test_memory_is_bounded_and_the_latest_templates_are_kept() -> None:
    miner = TemplateMiner()
    for number in range(5_000):
        letters = "".join(chr(97 + int(digit)) for digit in str(number))
        miner.add("orders", 9, f"{letters} alone", T0 + number)
    assert miner.size <= 1_000
    assert max(one.last_ms for one in miner.templates()) == T0 + 4_999


def test_a_new_error_line_that_repeats_is_found_and_ends_when_it_stops() -> None:
    sense = LogSense()
    assert run(sense, range(60), ("order 17 paid", 9)) == []
    (begun,) = run(sense, range(60, 70), ("order 17 paid", 9), ("payments: connection refused on port 9000", 17))
    assert (begun.aspect, begun.direction, begun.entity.ref) == (Aspect.LOG_PATTERN, Direction.NEW, "service:orders")
    assert "connection refused on port" in begun.reason
    (ended,) = run(sense, range(70, 90), ("order 17 paid", 9))
    assert (ended.key, ended.active) == (begun.key, False)


def test_an_error_line_that_was_always_there_is_no_news() -> None:
    assert run(LogSense(), range(120), ("cannot resolve host", 17)) == []


def test_a_line_that_names_its_own_level_needs_no_severity() -> None:
    sense = LogSense()
    run(sense, range(60), ("fine", 9))
    assert len(run(sense, range(60, 66), ("ERROR: disk quota exceeded", 0))) == 1


def test_lines_are_counted_by_level_and_stay_counted() -> None:
    sense = LogSense()
    sense.fold([logs(T0, ("a", 9), ("b", 17), ("c", 17))], T0)
    counts = {dict(labels)["level"]: value for labels, value in sense.fold([], T0 + 1000)}
    assert counts == {"info": 1, "warn": 0, "error": 2}


def test_a_flood_is_mined_by_sample_and_counted_in_full() -> None:
    sense = LogSense()
    made = sense.fold([logs(T0, *[("again and again", 9)] * 5_000)], T0)
    assert max(value for _, value in made) == 5_000
    assert next(sense.miner.templates()).count < 5_000


def test_old_lines_teach_and_count_for_nothing() -> None:
    sense = LogSense()
    old: Any = [logs(T0 - 3_600_000, *[("no route to host", 17)] * 50)]
    assert {value for _, value in sense.fold(old, T0)} == {0.0}
    assert run(sense, range(1, 20), ("no route to host", 17)) == []
