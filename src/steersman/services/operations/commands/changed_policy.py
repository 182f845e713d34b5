"""Reads the file that `steersman replay --policy` compares with: another will of the owner, or other detectors.

It holds only what is changed of the settings. Each mistake is told with file, line and
reason before anything is decided upon, as the platform does at its start; other sections are refused, because they
would change nothing here.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from steersman.engine.detect.senses import DetectRules
from steersman.model.errors import InvalidInput
from steersman.runtime.settings import HOUSE, load
from steersman.services.operations.logic.policy import OperationsSettings

_USUAL = DetectRules()


class DetectSettings(BaseModel):
    """The section [detect]. Times are milliseconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    teach_ms: int = Field(_USUAL.teach_ms, ge=0)
    step_ms: int = Field(_USUAL.step_ms, ge=1)
    plain_most: int = Field(_USUAL.plain_most, ge=0)
    lost_ms: int = Field(_USUAL.lost_ms, ge=1)

    @property
    def rules(self) -> DetectRules:
        return DetectRules(**self.model_dump())


@dataclass(frozen=True, slots=True)
class Changed:
    """What is to be compared with; None is as it was."""

    policy: OperationsSettings | None
    detect: DetectRules | None


def read_changes(path: Path) -> Changed:
    """Read the changed policy or detectors; raises `InvalidInput` with file, line and reason of every mistake."""
    found = load(path, {}, {}, {"operations": OperationsSettings, "detect": DetectSettings})
    tables = tomllib.loads(path.read_text("utf-8"))
    if HOUSE in tables or not tables:
        raise InvalidInput(f"{path}: nothing to compare with: write [operations] or [detect], and no other section")
    return Changed(
        found.section(OperationsSettings) if "operations" in tables else None,
        found.section(DetectSettings).rules if "detect" in tables else None,
    )
