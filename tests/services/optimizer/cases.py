"""The examples of optimizer for the conformance kit: a recommendation, and an experiment that is over."""

from __future__ import annotations

from steersman.contract.objects import Ask
from steersman.contract.ports import Context
from steersman.contract.testing import Cases, ObjectCase
from steersman.services.optimizer.model.wire import Experiment, Recommendation, State
from steersman.services.optimizer.store import tables
from steersman.services.optimizer.store.board import show


def _recommendation(_ask: Ask, context: Context) -> str:
    ports, made = context.ports, f"r{context.ports.ids.new()}"
    one = Recommendation(
        id=made, kind="less_memory", service="orders", subject="memory", title="Less memory", why="It is idle.",
        evidence=[], expected_gain="memory", cost="none", risk="by_hand", applies=None,
    )  # fmt: skip
    with ports.database.transaction() as transaction:
        tables.save_recommendation(transaction, context.caller.tenant, one)
    context.state.shown = show(ports)
    return made


def _experiment(_ask: Ask, context: Context) -> str:
    ports = context.ports
    one = Experiment(
        id=ports.ids.new(), service="platform", knob="in_flight_limit", guard="x", lower_is_better=True, prior=1.0, trial=2.0,
        periods=1, seconds=1.0, by="somebody", state=State.REVERTED, created_ms=ports.clock.wall_ns() // 1_000_000,
    )  # fmt: skip
    with ports.database.transaction() as transaction:
        tables.add_experiment(transaction, context.caller.tenant, one)
    return one.id


_RECOMMENDATIONS, _EXPERIMENTS = "/api/ops/recommendations", "/api/ops/experiments"
CASES = Cases(
    objects={
        f"{_RECOMMENDATIONS}/{{id}}": ObjectCase(make=_recommendation, shown=(_RECOMMENDATIONS,)),
        f"{_EXPERIMENTS}/{{id}}": ObjectCase(make=_experiment, shown=(_EXPERIMENTS, f"{_EXPERIMENTS}/{{}}")),
    }
)
