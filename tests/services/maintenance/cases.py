"""The examples of maintenance for the conformance kit: a look that found one disk."""

from __future__ import annotations

from steersman.contract.objects import Ask
from steersman.contract.ports import Context
from steersman.contract.testing import Cases, ObjectCase
from steersman.services.maintenance.logic.hazard import assess
from steersman.services.maintenance.model.hazard import ComponentKey, Part
from steersman.services.maintenance.store.looking import Shown


def _component(_ask: Ask, context: Context) -> str:
    disk = assess(ComponentKey(Part.DISK, "host-a", f"d{context.ports.ids.new()}"), ())
    context.state.shown = Shown.of((disk,), context.ports.clock.wall_ns() // 1_000_000)
    return next(iter(context.state.shown.by_id))


_COMPONENTS = "/api/ops/maintenance"
CASES = Cases(
    objects={f"{_COMPONENTS}/{{component}}": ObjectCase(make=_component, shown=(_COMPONENTS, f"{_COMPONENTS}/{{}}"))}
)
