"""What can be done to the platform itself while it runs."""

from __future__ import annotations

import logging

from steersman.contract.ports import Context
from steersman.contract.service import Action, Knob, Preview, Risk
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.runtime.http.limits import Limits
from steersman.services.platform.model import LevelChange, LogLevel, PlatformState

#: Keys whose change is remembered in memory; the action may be done 60 times an hour.
_REMEMBERED = 1024


def _preview(_context: Context, args: LogLevel) -> Preview:
    logger = logging.getLogger(args.logger)
    before = logging.getLevelName(logger.level).lower()
    name = args.logger or "the root logger"
    return Preview(f"set {name} from {before} to {args.level}", f"set it back to {before}", {"level": args.level})


def _apply(context: Context, key: str, args: LogLevel) -> LevelChange:
    state: PlatformState = context.state
    if key in state.levels:
        return state.levels[key]
    logger = logging.getLogger(args.logger)
    change = LevelChange(args.logger, logger.level, logging.getLevelNamesMapping()[args.level.upper()])
    logger.setLevel(change.after)
    while len(state.levels) >= _REMEMBERED:
        state.levels.pop(next(iter(state.levels)))
    state.levels[key] = change
    return change


def _undo(_context: Context, _key: str, _args: LogLevel, result: LevelChange) -> None:
    logging.getLogger(result.logger).setLevel(result.before)


SET_LOG_LEVEL = Action(
    name="set_log_level",
    help="Set how much one logger, or all of them, write.",
    args=LogLevel,
    result=LevelChange,
    permission="platform.logging.write",
    risk=Risk.REVERSIBLE,
    preview=_preview,
    apply=_apply,
    undo=_undo,
    target_kind=EntityKind.PLATFORM,
    target=lambda _args: Entity(EntityKind.PLATFORM, "steersman"),
    helps=frozenset({CauseKind.LOG_FLOOD}),
)


def _read_limit(context: Context) -> float:
    return context.ports.get(Limits).in_flight_limit


def _write_limit(context: Context, value: float) -> None:
    context.ports.get(Limits).in_flight_limit = int(value)


IN_FLIGHT_LIMIT = Knob(
    name="in_flight_limit",
    help="Requests of intake and query that are served at once; more are told to come back.",
    default=1024,
    low=16,
    high=8192,
    step=1024,
    cooldown_seconds=10,
    guard="steersman_event_loop_lag_seconds",
    permission="platform.limits.write",
    read=_read_limit,
    write=_write_limit,
)
