"""A short round of `steersman prove evidence` on both databases; the long one is run by hand, 200 kills of each."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.runtime.database.conftest import postgres_server as postgres_server  # noqa: PLC0414 - used here as well
from tests.runtime.database.conftest import postgres_url as postgres_url  # noqa: PLC0414 - likewise

from steersman.services.audit.commands.prove.evidence import prove


@pytest.mark.slow
@pytest.mark.requirement("SOC2-CC7.5")
def test_kills_amid_writes_leave_nothing_half_done(tmp_path: Path) -> None:
    figures = prove(4, 7, tmp_path, None)
    assert (figures["wrong"], figures["examples"]) == (0, [])
    assert all(count > 0 for count in figures["acknowledged"].values())


@pytest.mark.full
@pytest.mark.needs("postgresql")
def test_kills_amid_writes_leave_nothing_half_done_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    figures = prove(5, 7, tmp_path, postgres_url)
    assert (figures["wrong"], figures["examples"]) == (0, [])
    assert all(count > 0 for count in figures["acknowledged"].values())
