"""A short round of `steersman prove evidence` on both databases; the long one is run by hand, 200 kills of each."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.runtime.database.conftest import BINARIES

from steersman.services.audit.commands.prove.evidence import prove
from steersman.services.audit.commands.prove.server import Server


@pytest.mark.slow
@pytest.mark.requirement("SOC2-CC7.5")
def test_kills_amid_writes_leave_nothing_half_done(tmp_path: Path) -> None:
    figures = prove(4, 7, tmp_path, None)
    assert (figures["wrong"], figures["examples"]) == (0, [])
    assert all(count > 0 for count in figures["acknowledged"].values())


@pytest.mark.full
@pytest.mark.needs("postgresql")
@pytest.mark.requirement("SOC2-CC7.5")
def test_kills_of_the_platform_and_of_its_database_leave_nothing_half_done(tmp_path: Path) -> None:
    """The server writes through to the disk, and is killed amid the writes of one life."""
    server = Server(BINARIES)
    try:
        figures = prove(8, 7, tmp_path, None, server)
    finally:
        server.stop()
    assert (figures["wrong"], figures["examples"]) == (0, [])
    assert figures["kills_of_the_database_server"] > 0
    assert all(count > 0 for count in figures["acknowledged"].values())
