"""Probabilities from signs and restarts: published odds, windows that fit together, and schedules around busy hours."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.services.maintenance.logic import rules
from steersman.services.maintenance.logic.hazard import assess, days_until, within
from steersman.services.maintenance.logic.kernel_lines import disk_of, signs_in
from steersman.services.maintenance.logic.smart import signs_of
from steersman.services.maintenance.logic.views import component, free_hour, schedule
from steersman.services.maintenance.logic.warnings import settle
from steersman.services.maintenance.model.hazard import ComponentKey, Part, Restarts, Sign
from steersman.services.maintenance.model.settings import Busy, MaintenanceSettings

DISK = ComponentKey(Part.DISK, "web-1", "sda")
NOW_MS = round(datetime(2026, 1, 5, 8, 30, tzinfo=UTC).timestamp() * 1000)  # a Monday


def sign(rule: rules.Rule) -> Sign:
    return Sign(rule, rule.words.format(value=3), "somewhere", NOW_MS)


def test_a_disk_without_signs_has_the_base_rate() -> None:
    assert assess(DISK, []).month == pytest.approx(rules.BASE[Part.DISK][0])


def test_one_sign_multiplies_the_odds_by_its_published_ratio() -> None:
    """14 times the odds, and the evidence says so and who found it."""
    base = rules.BASE[Part.DISK][0]
    found = assess(DISK, [sign(rules.REALLOCATED)])
    assert found.month / (1 - found.month) == pytest.approx(14 * base / (1 - base))
    (line,) = component(found).evidence
    assert (line.log_odds, "Pinheiro" in line.source) == (pytest.approx(math.log(14), abs=1e-3), True)


def test_signs_of_the_same_trouble_add_less_each() -> None:
    """Two signs are worse than one, and not as bad as two independent ones."""
    one = assess(DISK, [sign(rules.OFFLINE)]).month
    both = assess(DISK, [sign(rules.PENDING), sign(rules.OFFLINE)]).month
    odds = both / (1 - both)
    assert one < both
    assert odds < 21 * 16 * rules.BASE[Part.DISK][0]


@given(st.floats(1e-6, 1 - 1e-6), st.floats(0.01, 0.9))
def test_windows_fit_together(month: float, budget: float) -> None:
    """A longer window is likelier, thirty days are thirty days, and a budget is reached when it is."""
    assert within(month, 1) <= within(month, 7) <= within(month, 30) == pytest.approx(month)
    assert within(month, days_until(month, budget)) == pytest.approx(budget)


def test_restarts_are_counted_and_not_guessed() -> None:
    """Seven in seven days make one more within a day about as likely as a Poisson rate of one a day by its prior."""
    key = ComponentKey(Part.SERVICE, "orders")
    often, never = assess(key, [], Restarts(7, 7.0)), assess(key, [], Restarts(0, 7.0))
    assert never.day < 0.03
    assert 0.2 < often.day < 1 - math.exp(-1)
    assert "7 times" in component(often).evidence[0].text


@pytest.mark.parametrize(
    ("service", "line", "expected"),
    [
        ("kernel", "blk_update_request: I/O error, dev sdb, sector 12", (Part.DISK, "sdb", "io_errors")),
        ("kernel", "Buffer I/O error on dev nvme0n1p2, logical block 1", (Part.DISK, "nvme0n1", "io_errors")),
        ("kernel", "EXT4-fs error (device sda1): ext4_lookup:1", (Part.DISK, "sda", "file_system_errors")),
        ("kernel", "EDAC MC0: 1 CE memory read error on CPU_SrcID#0", (Part.MEMORY, "", "corrected_memory_errors")),
        ("kernel", "EDAC MC0: 1 UE memory read error", (Part.MEMORY, "", "uncorrected_memory_errors")),
        ("kernel", "mce: [Hardware Error]: Machine check events logged", (Part.HOST, "", "machine_checks")),
        ("kernel", "Out of memory: Killed process 12 (java)", (Part.HOST, "", "out_of_memory")),
        (
            "smartd",
            "Device: /dev/sda [SAT], 8 Currently unreadable (pending) sectors",
            (Part.DISK, "sda", "smartd_warned"),
        ),
    ],
)
def test_lines_of_the_kernel_name_their_part(service: str, line: str, expected: tuple[Part, str, str]) -> None:
    ((rule, key),) = signs_in(service, "web-1", line)
    assert (key.part, key.name, rule.name) == expected


@pytest.mark.parametrize("service", ["orders", "", "smartd"])
def test_nobody_else_is_believed(service: str) -> None:
    """A line that an application writes is no disk error."""
    assert list(signs_in(service, "web-1", "I/O error, dev sda, sector 1")) == []


def test_partitions_belong_to_their_disk() -> None:
    assert [disk_of(one) for one in ("/dev/sda", "sdb12", "nvme1n1p3", "mmcblk0p1", "vda1", "dm-0")] == [
        "sda", "sdb", "nvme1n1", "mmcblk0", "vda", "dm-0",
    ]  # fmt: skip


def test_smart_reports_of_both_kinds_are_read() -> None:
    """ATA attributes by number, NVMe by its log; strange parts say nothing."""
    ata = {"smart_status": {"passed": False}, "ata_smart_attributes": {"table": [
        {"id": 5, "raw": {"value": 8}}, {"id": 197, "raw": {"value": 0}}, {"id": "x"}, 3,
    ]}}  # fmt: skip
    assert [(rule.name, value) for rule, value in signs_of(ata)] == [("smart_failed", 0), ("reallocated_sectors", 8)]
    nvme = {"nvme_smart_health_information_log": {"media_errors": 2, "percentage_used": 97}, "temperature": []}
    assert [rule.name for rule, _ in signs_of(nvme)] == ["media_errors", "worn_out"]


def test_work_is_planned_before_the_risk_and_outside_of_busy_hours() -> None:
    """A disk that says it fails is due within days; Monday is busy, so it is the first hour after."""
    busy = Busy.model_validate({"days": ["mon"], "start": "00:00", "end": "18:00"})
    found = assess(DISK, [sign(rules.UNHEALTHY), sign(rules.PENDING)])
    (task,) = schedule(
        [found, assess(ComponentKey(Part.HOST, "web-1"), [])], MaintenanceSettings(busy=(busy,)), NOW_MS
    ).tasks
    assert within(found.month, (task.before_ms - NOW_MS) / 86_400_000) == pytest.approx(0.05, abs=1e-3)
    assert task.at_ms == round(datetime(2026, 1, 5, 18, tzinfo=UTC).timestamp() * 1000)


def test_no_free_hour_is_said() -> None:
    every_day = Busy.model_validate({"start": "00:00", "end": "23:59:59"})
    assert free_hour([every_day], NOW_MS, NOW_MS + 86_400_000 * 3) is None


def test_only_hardware_in_trouble_is_told_to_the_loop() -> None:
    """A disk with bad signs is told and taken back; a service that restarts is not told here."""
    bad = assess(DISK, [sign(rules.UNHEALTHY), sign(rules.OFFLINE)])
    restless = assess(ComponentKey(Part.SERVICE, "orders"), [], Restarts(50, 7))
    held, told = settle({}, [bad, restless], NOW_MS)
    assert [(one.entity.ref, one.severity) for one in told] == [("host:web-1", "info")]
    held, told = settle(held, [assess(DISK, [])], NOW_MS + 1)
    assert (held, [one.active for one in told]) == ({}, [False])
