"""What a person writes under [operations] becomes a policy, or is refused with its place and the reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.model.plans import Autonomy, Policy, Risk, Rule, Window
from steersman.runtime.settings import SettingsError, load
from steersman.services.operations.logic.policy import MaintenanceSettings, OperationsSettings, effective, policy_of

#: 2026-01-07 12:00 UTC, a Wednesday.
NOON_MS = round(datetime(2026, 1, 7, 12, tzinfo=UTC).timestamp() * 1000)
HOUR_MS = 3_600_000

WHOLE_SECONDS = st.times().map(lambda time: time.replace(microsecond=0))


def settings(tmp_path: Path, text: str) -> OperationsSettings:
    config = tmp_path / "steersman.toml"
    config.write_text(text)
    return load(config, {}, {}, {"operations": OperationsSettings}).section(OperationsSettings)


def test_a_new_install_suggests_and_heals_what_was_marked() -> None:
    """The defaults of the settings are those of the policy."""
    assert policy_of(OperationsSettings(), NOON_MS) == Policy()


def test_rules_are_read_in_order(tmp_path: Path) -> None:
    """With words for autonomy and risk, and anything where nothing is said."""
    text = """
        [operations]
        autonomy = "approve"
        per_hour = 5
        [[operations.rules]]
        autonomy = "act"
        environments = "staging"
        max_risk = "destructive"
        [[operations.rules]]
        autonomy = "observe"
        entities = "service:billing*"
    """
    policy = policy_of(settings(tmp_path, text), NOON_MS)
    assert (policy.default, policy.per_hour) == (Autonomy.APPROVE, 5)
    assert policy.rules == (
        Rule(autonomy=Autonomy.ACT, environments="staging", max_risk=Risk.DESTRUCTIVE),
        Rule(autonomy=Autonomy.OBSERVE, entities="service:billing*"),
    )


@pytest.mark.parametrize(
    ("text", "key", "reason"),
    [
        ('autonomy = "always"', "operations.autonomy", "'observe', 'suggest', 'approve' or 'act'"),
        ("per_hour = -1", "operations.per_hour", "greater than or equal to 0"),
        ("confidence = 1.5", "operations.confidence", "less than or equal to 1"),
        ("[[operations.rules]]\nactions = 'x.*'", "operations.rules.0.autonomy", "required"),
        ("[[operations.rules]]\nautonomy = 'act'\nmax_risk = 'wild'", "operations.rules.0.max_risk", "destructive"),
        ("[[operations.rules]]\nautonomy = 'act'\nentitys = '*'", "operations.rules.0.entitys", "there is no setting"),
        ("[[operations.rules]]\nautonomy = 'act'\nactions = ''", "operations.rules.0.actions", "at least 1 character"),
        ("[[operations.maintenance]]", "operations.maintenance.0", "needs start and end, or days"),
        (
            "[[operations.maintenance]]\nstart = 2026-01-01T10:00:00Z\nend = 2026-01-01T09:00:00Z",
            "operations.maintenance.0",
            "ends after its start",
        ),
        (
            "[[operations.maintenance]]\nstart = 2026-01-01T10:00:00\nend = 2026-01-01T11:00:00",
            "operations.maintenance.0.start",
            "timezone",
        ),
        ("[[operations.maintenance]]\ndays = ['sat']\nfrom = 10:00:00", "operations.maintenance.0", "from and to"),
        (
            "[[operations.maintenance]]\ndays = ['sat']\nstart = 2026-01-01T10:00:00Z",
            "operations.maintenance.0",
            "either once",
        ),
    ],
)
def test_a_policy_with_an_error_is_refused_with_file_key_and_reason(
    tmp_path: Path, text: str, key: str, reason: str
) -> None:
    """Before anything starts."""
    with pytest.raises(SettingsError) as refused:
        settings(tmp_path, f"[operations]\n{text}\n")
    message = str(refused.value)
    assert message.startswith(str(tmp_path / "steersman.toml"))
    assert key in message
    assert reason in message


def test_a_weekly_window_is_laid_out_over_midnight(tmp_path: Path) -> None:
    """From yesterday's, which still lasts, to those of the coming week."""
    text = "[[operations.maintenance]]\ndays = ['tue', 'fri']\nfrom = 22:00:00\nto = 13:00:00\nreason = 'backup'"
    windows = policy_of(settings(tmp_path, text), NOON_MS).maintenance
    first = Window(NOON_MS - 14 * HOUR_MS, NOON_MS + HOUR_MS, "*", "backup")
    second = Window(first.start_ms + 72 * HOUR_MS, first.end_ms + 72 * HOUR_MS, "*", "backup")
    assert windows[:2] == (first, second)


@given(
    st.sets(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), min_size=1),
    WHOLE_SECONDS,
    WHOLE_SECONDS,
    st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2040, 1, 1)),  # noqa: DTZ001 - the zone is added below
)
def test_a_weekly_window_holds_exactly_when_the_calendar_says_so(
    days: set[str], start: object, end: object, moment: datetime
) -> None:
    """Compared with the plain reading of a calendar: is it, on this day or since yesterday, between the two times?"""
    if start == end:
        return
    now = moment.replace(tzinfo=UTC, microsecond=0)
    one = MaintenanceSettings.model_validate({"days": sorted(days), "from": start, "to": end})
    now_ms = round(now.timestamp() * 1000)
    held = any(
        window.start_ms <= now_ms < window.end_ms
        for window in policy_of(OperationsSettings(maintenance=(one,)), now_ms).maintenance
    )
    today, yesterday = (f"{day:%a}".lower() in days for day in (now, now - timedelta(days=1)))
    began, ends = one.from_, one.to
    assert began is not None
    assert ends is not None
    at = now.time()
    expected = (today and began <= at < ends) if began < ends else (today and at >= began) or (yesterday and at < ends)
    assert held == expected


def test_what_was_changed_while_running_wins_and_windows_add_up() -> None:
    """Nobody who pulls the switch wants to be overruled by a file."""
    ours, theirs = Window(1, 2), Window(3, 4)
    base = Policy(per_hour=7, maintenance=(ours,))
    assert effective(base, None) is base
    stored = Policy(killed=True, per_hour=3, maintenance=(theirs,))
    assert effective(base, stored) == replace(stored, maintenance=(theirs, ours))
    assert effective(base, replace(base, frozen=True)) == replace(base, frozen=True)
