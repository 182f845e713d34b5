"""How these commands write lists and times."""

from __future__ import annotations

import time
from collections.abc import Sequence

from steersman.runtime.console.figures import write_age


def listed(names: Sequence[str], nothing: str = "-") -> str:
    return ", ".join(names) if names else nothing


def ago(moment_ms: int | None) -> str:
    """Return how long ago something was, by this machine's clock."""
    if moment_ms is None:
        return "never"
    return f"{write_age(time.time() - moment_ms / 1000)} ago"  # noqa: TID251 - a command tells people, and decides nothing
