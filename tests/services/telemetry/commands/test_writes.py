from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest

from steersman.services.telemetry.commands.prove import writes
from steersman.services.telemetry.commands.prove.disk_model import Remove, Sync, SyncFolder


def test_nothing_acknowledged_is_lost_when_the_power_goes_at_any_moment():
    tally = asyncio.run(writes.prove(moments=80, steps=5, seed=5))
    assert tally.examples == []
    assert not tally.failures
    assert tally.moments >= 80
    assert tally.records_checked > 10_000


@pytest.mark.full
@pytest.mark.parametrize("seed", range(4))
def test_nothing_acknowledged_is_lost_in_thousands_of_losses_of_power(seed: int):
    tally = asyncio.run(writes.prove(moments=2_500, steps=20, seed=seed))
    assert not tally.failures, tally.examples


@pytest.mark.parametrize("forgotten", [Sync, SyncFolder])
def test_a_store_that_forgot_its_syncs_is_found_out(tmp_path: Path, forgotten: type):
    """The proof itself can fail: the same recording without its syncs loses what was acknowledged."""
    random, who = Random(2), writes.senders(1_700_000_000_000)
    (tmp_path / "life").mkdir()
    life = asyncio.run(writes.live(tmp_path / "life", random, who, 0, 3))
    operations = life.disk.operations
    life.disk.operations = [Remove("nothing") if isinstance(one, forgotten) else one for one in operations]
    wrong = []
    for number, (moment, _, tree) in enumerate(writes.losses(life, random, 20)):
        folder = tmp_path / str(number)
        folder.mkdir()
        writes.build(folder, tree)
        wrong += asyncio.run(writes.inspect(folder, who, life.acknowledged(moment), 36))
    assert wrong
