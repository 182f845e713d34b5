"""The owner's will as a person writes it under `[operations]`, and as the loop takes it at a given moment.

What is wrong with it is refused before anything starts, with the key and the reason. What was changed while running is
kept elsewhere and wins; the maintenance windows of the settings hold all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from steersman.model.plans import Autonomy, Policy, Risk, Rule, Window

AutonomyName = Literal["observe", "suggest", "approve", "act"]
RiskName = Literal["read", "reversible", "disruptive", "destructive"]
Glob = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

#: A loop whose round takes the place of so many is held up.
_LATE_ROUNDS = 2.5
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: A weekly window is laid out from yesterday, as it may reach over midnight, to the end of a week.
_LAID_OUT = range(-1, 8)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RuleSettings(_Frozen):
    """One line of the policy. Everything left out matches anything; the last rule that matches counts."""

    autonomy: AutonomyName
    actions: Glob = "*"
    entities: Glob = "*"
    environments: Glob = "*"
    causes: Glob = "*"
    max_risk: RiskName = "disruptive"


class MaintenanceSettings(_Frozen):
    """A time in which nothing is done by itself: once, from `start` to `end`, or every week on `days`."""

    start: AwareDatetime | None = None
    end: AwareDatetime | None = None
    days: tuple[Day, ...] = ()
    from_: time | None = Field(None, alias="from")
    to: time | None = None
    zone: Literal["UTC"] = "UTC"
    entities: Glob = "*"
    reason: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        once, weekly = (self.start, self.end), (self.from_, self.to)
        if any(once) and (self.days or weekly != (None, None)):
            raise ValueError("a maintenance window is either once, from start to end, or weekly, on days from and to")
        if not self.days and (self.start is None or self.end is None):
            raise ValueError("a maintenance window needs start and end, or days, from and to")
        if self.start and self.end and self.end <= self.start:
            raise ValueError(f"a maintenance window ends after its start, not at {self.end.isoformat()}")
        if self.days and (self.from_ is None or self.to is None or self.from_ == self.to):
            raise ValueError("a weekly maintenance window needs from and to, and they differ")
        return self


class OperationsSettings(_Frozen):
    """The section [operations]: what the loop may do by itself, where, how often and until when."""

    autonomy: AutonomyName = Field("suggest", description="What may be done where no rule matches.")
    self_healing: bool = Field(True, description="Whether services that their owner marked so may be repaired.")
    rules: tuple[RuleSettings, ...] = ()
    confidence: float = Field(0.5, ge=0, le=1, description="The least belief in a cause to act on.")
    blast_radius: int = Field(2, ge=0, le=1000, description="Targets that may be acted upon at the same time.")
    per_hour: int = Field(30, ge=0, le=10_000, description="Actions an hour, over everything.")
    cooldown_seconds: float = Field(20.0, ge=0, le=86_400, description="Rest of one target between two actions.")
    maintenance: tuple[MaintenanceSettings, ...] = ()
    frozen: bool = Field(False, description="Whether nothing is changed for now.")
    limits: dict[str, float] = Field({}, description="Where a signal cannot go further, by its name.")
    round_seconds: float = Field(1.0, ge=0.1, le=60, description="How often the loop turns.")
    approval_seconds: float = Field(900.0, gt=0, le=86_400, description="How long a plan waits for a yes.")


def policy_of(settings: OperationsSettings, now_ms: int) -> Policy:
    """Return the policy of the settings; weekly windows are laid out around `now_ms`."""
    return Policy(
        default=Autonomy[settings.autonomy.upper()],
        rules=tuple(_rule(rule) for rule in settings.rules),
        self_healing=settings.self_healing,
        confidence=settings.confidence,
        blast_radius=settings.blast_radius,
        per_hour=settings.per_hour,
        cooldown_seconds=settings.cooldown_seconds,
        maintenance=tuple(window for one in settings.maintenance for window in _windows(one, now_ms)),
        frozen=settings.frozen,
        limits=_limits(settings),
    )


def effective(settings_policy: Policy, stored: Policy | None) -> Policy:
    """Return what holds: a stored policy wins over the settings, and the windows of both hold."""
    if stored is None:
        return settings_policy
    added = tuple(window for window in settings_policy.maintenance if window not in stored.maintenance)
    return replace(stored, maintenance=(*stored.maintenance, *added))


def _limits(settings: OperationsSettings) -> dict[str, float]:
    """Return the owner's tuning; a loop that turns more slowly is late only later."""
    slow = {"late_seconds": _LATE_ROUNDS * settings.round_seconds} if settings.round_seconds > 1 else {}
    return slow | settings.limits


def _rule(rule: RuleSettings) -> Rule:
    return Rule(
        autonomy=Autonomy[rule.autonomy.upper()],
        actions=rule.actions,
        entities=rule.entities,
        environments=rule.environments,
        causes=rule.causes,
        max_risk=Risk[rule.max_risk.upper()],
    )


def _windows(one: MaintenanceSettings, now_ms: int) -> Iterator[Window]:
    spans = [(one.start, one.end)] if one.start and one.end else _weekly(one, now_ms)
    for start, end in spans:
        if _ms(end) > now_ms:
            yield Window(_ms(start), _ms(end), one.entities, one.reason)


def _weekly(one: MaintenanceSettings, now_ms: int) -> Iterator[tuple[datetime, datetime]]:
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    if one.from_ is None or one.to is None:
        return
    over_midnight = timedelta(days=int(one.to < one.from_))
    for offset in _LAID_OUT:
        day = today + timedelta(days=offset)
        if _DAYS[day.weekday()] in one.days:
            yield datetime.combine(day, one.from_, UTC), datetime.combine(day + over_midnight, one.to, UTC)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
