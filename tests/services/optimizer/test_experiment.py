"""Whole experiments on a virtual clock: kept, taken back, stopped by harm or an incident, and cut off by a kill."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from steersman.contract.ports import Caller
from steersman.model.errors import Conflict, Forbidden, InvalidInput, NotFound
from steersman.model.ids import DEFAULT_TENANT
from steersman.services.optimizer.model import wire
from steersman.services.optimizer.store import tables
from steersman.services.optimizer.store.board import begin

WISH = wire.ExperimentWish(service="shop", knob="workers", periods=6, seconds=10)
#: Thirteen periods of ten seconds, in steps of half a second, and some for starting.
WHOLE = 300.0


def stored(bench: Any) -> wire.Experiment:
    with bench.ctx.ports.database.reading() as connection:
        return tables.list_experiments(connection, DEFAULT_TENANT)[0]


def played(shop: Any, bench: Any, script: Callable[[Any], Any]) -> wire.Experiment:
    """Run a script in a house around a shop, and return how its experiment ended."""

    async def story() -> wire.Experiment:
        async with bench(shop) as there:
            await script(there)
            return stored(there)

    return asyncio.run(story())


async def _whole(there: Any) -> None:
    begin(there.ctx, WISH)
    await there.lives(WHOLE)


def test_a_turn_that_helps_is_kept(shop: Any, bench: Any) -> None:
    """A fifth less latency with more workers: kept, with its numbers, and in the journal."""
    shop.latency = lambda value, reading: (0.1 if value < 10 else 0.08) + 0.001 * (reading % 3)
    ended = played(shop, bench, _whole)
    assert (ended.state, shop.value) == (wire.State.KEPT, 12)
    assert ended.effect is not None
    assert ended.effect.gain == pytest.approx(0.2, abs=0.02)
    assert len(ended.measured) == 12


def test_a_turn_that_does_nothing_is_taken_back(shop: Any, bench: Any) -> None:
    """Latency stays where it was, whatever the knob says."""
    ended = played(shop, bench, _whole)
    assert (ended.state, shop.value) == (wire.State.REVERTED, 8)
    assert "no gain" in ended.reason


def test_harm_ends_it_at_once(shop: Any, bench: Any) -> None:
    """Three times the latency is not measured to the end."""
    shop.latency = lambda value, reading: (0.1 if value < 10 else 0.3) + 0.001 * (reading % 3)
    ended = played(shop, bench, _whole)
    assert (ended.state, shop.value) == (wire.State.REVERTED, 8)
    assert "at once" in ended.reason
    assert len(ended.measured) < 3


def test_an_incident_ends_it_and_forbids_another(shop: Any, bench: Any, incident: Any) -> None:
    """Nobody turns knobs while something is wrong."""

    async def script(there: Any) -> None:
        begin(there.ctx, WISH)
        task = asyncio.get_running_loop().create_task(there.lives(60))
        await asyncio.sleep(0)
        there.watcher.open.append(incident)
        await task
        with pytest.raises(Conflict, match="orders answers slowly"):
            begin(there.ctx, WISH)

    ended = played(shop, bench, script)
    assert (ended.state, shop.value) == (wire.State.REVERTED, 8)
    assert "i-1" in ended.reason


def test_what_a_kill_cut_off_is_taken_back_by_the_next_life(shop: Any, bench: Any) -> None:
    """The knob stood at the tried value when the process was gone; the next one finds that in the database."""

    async def script(there: Any) -> None:
        one = begin(there.ctx, WISH)
        with there.ctx.ports.database.transaction() as transaction:
            tables.save_experiment(transaction, one.model_copy(update={"state": wire.State.RUNNING}))
        shop.value = one.trial
        await there.reborn().lives(10)

    ended = played(shop, bench, script)
    assert (ended.state, shop.value) == (wire.State.INTERRUPTED, 8)


def test_what_a_person_turned_meanwhile_is_left(shop: Any, bench: Any) -> None:
    """The last word is a person's, also after a kill."""

    async def script(there: Any) -> None:
        one = begin(there.ctx, WISH)
        with there.ctx.ports.database.transaction() as transaction:
            tables.save_experiment(transaction, one.model_copy(update={"state": wire.State.RUNNING}))
        shop.value = 5.0
        await there.reborn().lives(10)

    ended = played(shop, bench, script)
    assert (ended.state, shop.value) == (wire.State.INTERRUPTED, 5)
    assert "somebody else" in ended.reason


def test_an_orderly_stop_takes_the_turn_back(shop: Any, bench: Any) -> None:
    """When the job is stopped in the middle, the knob is back before the process is gone."""

    async def script(there: Any) -> None:
        begin(there.ctx, WISH)
        await there.lives(35)

    shop.latency = lambda _value, reading: 0.1 + 0.001 * (reading % 3)
    ended = played(shop, bench, script)
    assert (ended.state, shop.value) == (wire.State.RUNNING, 8)


def test_one_at_a_time_and_only_what_is_allowed(shop: Any, bench: Any) -> None:
    """A second one, an unknown knob, a step outside of the range, and a caller without the knob's permission."""

    async def script(there: Any) -> None:
        with pytest.raises(NotFound):
            begin(there.ctx, WISH.model_copy(update={"knob": "none"}))
        nobody = replace(there.ctx, caller=Caller("guest", permissions=frozenset({"optimizer.experiments.run"})))
        with pytest.raises(Forbidden, match=r"shop\.knobs\.write"):
            begin(nobody, WISH)
        shop.value = 15.0
        with pytest.raises(InvalidInput, match="no step up"):
            begin(there.ctx, WISH)
        shop.value = 8.0
        begin(there.ctx, WISH)
        with pytest.raises(Conflict, match="one at a time"):
            begin(there.ctx, WISH)

    assert played(shop, bench, script).state is wire.State.QUEUED
