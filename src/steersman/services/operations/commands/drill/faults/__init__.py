"""What is done to a mesh while a watcher looks: real faults with real cures, and harmless events that look like them.

`begin` carries one out and returns a handle. A fault acts on processes, files and links of the mesh, never on the
watcher; whoever began it can ask whether it is still there and can end it.
"""

from __future__ import annotations

from steersman.services.operations.commands.drill.faults.handle import Handle
from steersman.services.operations.commands.drill.faults.registry import EVENTS, FAULTS, begin
from steersman.services.operations.commands.drill.faults.spec import Happening

__all__ = ["EVENTS", "FAULTS", "Handle", "Happening", "begin"]
