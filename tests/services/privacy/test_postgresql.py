"""An erasure and the end of what is over on PostgreSQL, where comparisons of keys and JSON are another database's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select
from tests.runtime.database.conftest import postgres_server as postgres_server  # noqa: PLC0414 - used here as well
from tests.runtime.database.conftest import postgres_url as postgres_url  # noqa: PLC0414 - likewise

from steersman.model.ids import DEFAULT_TENANT
from steersman.services.operations.store import tables
from steersman.services.privacy.jobs import _go_on
from steersman.services.privacy.store import requests, retention

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.needs("postgresql")]
DAY_MS = 86_400_000


async def test_somebody_is_erased_and_what_is_over_ends_on_postgresql(
    lives: Any, tmp_path: Path, postgres_url: str
) -> None:
    """More rows than a page has, keys of two columns among them."""
    async with lives.living(tmp_path / "data", lives.Steps(0), postgres_url) as (context, runs):
        with context.ports.database.transaction() as transaction:
            for number in range(1_100):
                row = {"tenant": DEFAULT_TENANT, "id": f"c{number:04d}", "time_ms": 1, "entity": "e", "kind": "deploy"}
                transaction.execute(insert(tables.changes).values(**row, body={"actor": lives.NAME, "n": number}))
        lives.known(context, runs)
        _go_on(context, requests.unfinished(context)[0])
        (done,) = requests.listed(context, 10)
        assert done.done_ms is not None, done
        with context.ports.database.reading() as connection:
            actors = {body["actor"] for body in connection.execute(select(tables.changes.c.body)).scalars()}
        assert actors == {"(erased)"}
        texts = next(one for one in retention.periods(context) if one.name == "operations.texts")
        ended = [retention.apply_once(context, texts, 2_000 * DAY_MS) for _ in range(4)]
        assert ended == [500, 500, 100, 0]
