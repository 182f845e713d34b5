"""What a person answers to recommendations: applied once, dismissed for a while, and refused where nobody can do it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from steersman.model.errors import Conflict, NotFound
from steersman.model.ids import DEFAULT_TENANT
from steersman.services.optimizer.logic.recommend import Idle, KnobFacts, of_idle, of_knob
from steersman.services.optimizer.model.wire import RecommendationState, State
from steersman.services.optimizer.store import tables
from steersman.services.optimizer.web import apply, dismiss, experiments, one

KNOB = KnobFacts("shop", "workers", "How many work.", 8, 1, 16, 4, 5, "shop_latency_seconds", 0.1)
IDLE = Idle("orders", replicas=1, days=7, peak_cores=None, peak_bytes=100 * 2**20, limit_bytes=2**30)


def test_answers_are_given_once(shop: Any, bench: Any) -> None:
    """Applying starts the experiment, dismissing takes off the list, and neither can be done again."""
    knob = of_knob(KNOB)
    assert knob is not None
    (memory,) = of_idle(IDLE, 0.2)

    async def story() -> None:
        async with bench(shop) as there:
            ctx = there.ctx
            with ctx.ports.database.transaction() as transaction:
                tables.replace_open(transaction, DEFAULT_TENANT, [knob, memory])
            applied = apply(ctx, knob.id)
            assert applied.recommendation.state is RecommendationState.APPLIED
            assert one(ctx, applied.experiment or "").state is State.QUEUED
            assert [made.id for made in experiments(ctx).experiments] == [applied.experiment]
            with pytest.raises(Conflict, match="applied already"):
                apply(ctx, knob.id)
            with pytest.raises(Conflict, match="a person has to"):
                apply(ctx, memory.id)
            assert dismiss(ctx, memory.id).state is RecommendationState.DISMISSED
            assert there.ctx.state.shown.open == 0
            with pytest.raises(NotFound):
                dismiss(ctx, "none")

    asyncio.run(story())
