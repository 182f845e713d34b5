"""The examples of security for the conformance kit: each measure, and a list with a line that is none."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from steersman.contract.objects import Ask
from steersman.contract.ports import Context
from steersman.contract.testing import ActionCase, Cases, Harness, ObjectCase


def _measures(context: Context) -> list[tuple[str, str]]:
    """Tell who is kept out; how often that was decided is not for a repetition to change."""
    return sorted({(str(one.kind), one.target) for one in context.state.holding()})


def _settings() -> Mapping[str, Any]:
    path = Path(tempfile.mkdtemp(prefix="lists")) / "drop.txt"
    path.write_text("198.51.100.0/24 ; SBL1\n")
    return {"security.lists": [str(path)], "security.interval_seconds": 0.2}


def _spoil(_harness: Harness, context: Context) -> None:
    Path(context.state.settings.lists[0]).write_text("not an address\n")
    context.state.lists.reread()


def _ban(ask: Ask, context: Context) -> str:
    wish = {"args": {"network": "203.0.113.9"}, "key": context.ports.ids.new()}
    assert ask("POST", "/api/security/actions/ban", wish).status == 200
    return str(ask("GET", "/api/security/bans", None).body[-1]["id"])


CASES = Cases(
    objects={"/api/security/bans/{id}": ObjectCase(make=_ban, shown=("/api/security/bans",))},
    actions={
        "ban": ActionCase(args={"network": "203.0.113.7"}, observe=_measures),
        "slow_down": ActionCase(args={"network": "203.0.113.0/24"}, observe=_measures),
        "lock_password": ActionCase(args={"account": "somebody"}, observe=_measures),
        "end_sessions": ActionCase(args={"account": "somebody"}, observe=_measures),
    },
    breaks={"lists_readable": _spoil},
    settings=_settings,
)
