"""Kills at any moment of writing and rotating lose nothing; `prove keys` is the same with 200 of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.runtime.database.conftest import postgres_server as postgres_server  # noqa: PLC0414 - used here as well
from tests.runtime.database.conftest import postgres_url as postgres_url  # noqa: PLC0414 - likewise

from steersman.services.secrets.commands.prove.keys import prove


@pytest.mark.slow
@pytest.mark.requirement("ASVS-16.5.2")
def test_two_dozen_kills_lose_no_secret_and_no_key(tmp_path: Path) -> None:
    figures = prove(24, 7, tmp_path)
    assert figures["examples"] == []
    assert figures["acknowledged_changes"] > 0
    assert figures["acknowledged_rotations"] > 0
    assert figures["acknowledged_changes_of_the_root_key"] > 0


@pytest.mark.full
def test_two_hundred_kills_lose_no_secret_and_no_key(tmp_path: Path) -> None:
    assert prove(200, 1, tmp_path)["examples"] == []


@pytest.mark.full
@pytest.mark.needs("postgresql")
def test_two_dozen_kills_lose_no_secret_and_no_key_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    figures = prove(24, 7, tmp_path, postgres_url)
    assert figures["examples"] == []
    assert figures["acknowledged_changes_of_the_root_key"] > 0
