"""What was where since when: the versions of a link, a file or a number that a service depends on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TrackKind(StrEnum):
    """What a track follows; the value of a version is a link's target, a content's digest or a number."""

    RELEASE = "release"
    CONFIG = "config"
    KNOB = "knob"


@dataclass(frozen=True, slots=True)
class Track:
    """One thing whose versions are remembered. `name` tells apart several of a kind."""

    service: str
    kind: TrackKind
    name: str = ""

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class Version:
    """One version. `by` is empty where somebody outside of the platform brought it about."""

    value: str
    since_ms: int
    by: str = ""


@dataclass(frozen=True, slots=True)
class Shift:
    """A track that has another version than before."""

    track: Track
    before: Version
    after: Version
