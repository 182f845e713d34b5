"""What logs and traces that were sent in say about persons: told, and taken out of what is stored.

Both work on the store's own loop and wait for it, because only there the store changes; so they run on a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from steersman.contract.personal import Person, PersonalData
from steersman.contract.ports import Context
from steersman.engine.personal import mask
from steersman.runtime.telemetry.events.naming import Masker, Wanted
from steersman.runtime.telemetry.forgetting import forget, tell

T = TypeVar("T")

#: What else is personal in a record that named somebody is hidden as well.
_MASKER = Masker(mask, f"{mask.__module__}:{mask.__name__}")
_MOST = 50_000


def _wanted(one: Person) -> Wanted:
    return Wanted(one.tenant, one.identifiers)


def _on_loop(context: Context, work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run_coroutine_threadsafe(work, context.state.loop).result()


def export(context: Context, one: Person) -> dict[str, Any]:
    """Return the records that name somebody; `complete` is false where there are more than fit."""
    told = _on_loop(context, tell(context.state.store, _wanted(one), _MOST))
    return {**told.records, "complete": told.complete}


def erase(context: Context, one: Person) -> str:
    """Put `(erased)` where the person stands, in every record that came in until now."""
    changed = _on_loop(context, forget(context.state.store, _wanted(one), _MASKER))
    counts = ", ".join(f"{count} {kind}" for kind, count in changed.items())
    left = "labels of metrics are not searched, and what senders send from now on is new"
    return f"taken out of {counts}, with what else was personal in them; {left}"


PERSONAL = (
    PersonalData(
        name="records",
        what="Log lines, spans and exemplars that name somebody, as programs sent them.",
        purpose="To find out what went wrong, and to repair it.",
        basis="legitimate interests",
        kept="as long as [telemetry.store] retention_seconds says, 30 days by default",
        export=export,
        erase=erase,
    ),
)
