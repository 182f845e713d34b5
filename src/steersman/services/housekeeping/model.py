"""What an owner declares about a folder, what is seen in it, and what is done to it. Values only.

A path here is text: nothing in this module touches a disk.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

#: Folders of the system itself. A policy that deletes there is a mistake, whoever wrote it.
_NEVER = ("/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/sbin", "/sys", "/usr")
#: Where quarantined files lie, inside the declared folder and so on the same file system.
QUARANTINE = ".quarantine"


class Measure(StrEnum):
    """What may be done to a file; an owner allows each by name."""

    ROTATE = "rotate"
    COMPRESS = "compress"
    DELETE = "delete"
    TRUNCATE = "truncate"
    QUARANTINE = "quarantine"


class DiskPolicy(BaseModel):
    """One declared folder. What it does not allow is not done, and what its patterns do not match is not touched.

    A pattern without a slash matches the name of a file in any folder below, one with a slash the whole path from
    the declared folder on. `self_healing` says that what the policy allows is expendable without asking.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    quota_bytes: int = Field(gt=0)
    service: str = ""
    patterns: tuple[str, ...] = ()
    allow: tuple[Measure, ...] = ()
    rotate_bytes: int | None = Field(default=None, gt=0)
    compress_after_seconds: float | None = Field(default=None, ge=0)
    delete_after_seconds: float | None = Field(default=None, ge=0)
    keep_newest: int = Field(default=1, ge=0)
    self_healing: bool = False

    @field_validator("path")
    @classmethod
    def _check_path(cls, value: str) -> str:
        refuse_system_folder(value)
        return value

    @field_validator("patterns")
    @classmethod
    def _check_patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            if not pattern or pattern.startswith("/") or ".." in pattern.split("/"):
                raise ValueError(f"a pattern stays below its folder and is not empty; {pattern!r} does not")
        return value

    @model_validator(mode="after")
    def _check_measures(self) -> DiskPolicy:
        if self.allow and not self.patterns:
            raise ValueError("what is allowed needs patterns that say for which files")
        needed = {
            Measure.ROTATE: ("rotate_bytes", self.rotate_bytes),
            Measure.COMPRESS: ("compress_after_seconds", self.compress_after_seconds),
            Measure.DELETE: ("delete_after_seconds", self.delete_after_seconds),
        }
        for measure, (name, value) in needed.items():
            if measure in self.allow and value is None:
                raise ValueError(f"to allow {measure} needs {name}")
        return self


def refuse_system_folder(path: str) -> None:
    """Raise `ValueError` for a path that is relative, not plain, or the system's own."""
    parts = path.split("/")
    if parts[0] or len(parts) < 2 or any(part in {"", ".", ".."} for part in parts[1:]):
        raise ValueError("a folder is an absolute path without '..', '.', '//' or a slash at its end")
    if any(path == folder or path.startswith(f"{folder}/") for folder in _NEVER):
        raise ValueError("this folder belongs to the system")


class HousekeepingSettings(BaseModel):
    """The section [housekeeping]."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    paths: tuple[DiskPolicy, ...] = ()
    interval_seconds: float = Field(default=5.0, ge=0.1)
    warn_share: float = Field(default=0.85, gt=0, lt=1)
    critical_share: float = Field(default=0.95, gt=0, le=1)

    @model_validator(mode="after")
    def _check_nesting(self) -> HousekeepingSettings:
        paths = sorted(f"{policy.path}/" for policy in self.paths)
        for outer, inner in pairwise(paths):
            if inner.startswith(outer):
                raise ValueError(f"{inner[:-1]} lies in {outer[:-1]}: one policy for a folder and what is below it")
        return self


@dataclass(frozen=True, slots=True)
class FileSeen:
    """A regular file below a declared folder: name from there on, bytes, nanoseconds UTC, and which file it is."""

    name: str
    size: int
    modified_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Scan:
    """What lies in a folder. `used` counts everything in it, also what no pattern matches, hard links once."""

    files: tuple[FileSeen, ...]
    used: int
    available: int

    def limit(self, quota: int) -> int:
        """Return to what the folder can grow: its quota, or less where the disk has less room."""
        return min(quota, self.used + self.available)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do to one file. `frees` is at most how many bytes it frees."""

    measure: Measure
    file: FileSeen
    frees: int


@dataclass(frozen=True, slots=True)
class Usage:
    """How full a folder is, and how fast it fills, in bytes a second."""

    used: int
    limit: int
    rate: float = 0.0

    @property
    def share(self) -> float:
        return self.used / self.limit if self.limit else 1.0

    @property
    def seconds_until_full(self) -> float | None:
        """Return when it is full at this rate; None while it does not grow."""
        return max(0.0, (self.limit - self.used) / self.rate) if self.rate > 0 else None


@dataclass(frozen=True, slots=True)
class FreeDisk:
    """Bring a declared folder below a share of its quota, by the measures of its policy."""

    path: str
    service: str = ""
    target_share: Annotated[float, Field(gt=0, lt=1)] = 0.7


@dataclass(frozen=True, slots=True)
class OneFile:
    """One file, by its name from the declared folder on. `service` is the folder's owner."""

    path: str
    file: str
    service: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """One step that was taken, or why it was not."""

    measure: Measure
    file: str
    freed: int
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class Freed:
    """What `free_disk` did. `enough` says whether the folder is below its target now."""

    freed_bytes: int
    used_bytes: int
    target_bytes: int
    enough: bool
    steps: list[Done] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FileChanged:
    """What became of one file: its new name, if it has one, and the bytes that this freed."""

    file: str
    now: str = ""
    freed_bytes: int = 0
