"""The extension surface: a plug-in imports this package and `steersman.model`, and nothing else."""

from __future__ import annotations

from steersman.contract.requirements import RequirePermission, RequireRole

__all__ = ["RequirePermission", "RequireRole"]
