"""The one truth about which files belong to the store, replaced whole: written beside, synced, renamed, folder synced.

A file that the manifest does not name is left over from something that never finished, and is removed at start.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import xxhash

from steersman.model.errors import Permanent
from steersman.runtime.telemetry.events.block import EventBlock

if TYPE_CHECKING:
    from pathlib import Path

    from steersman.runtime.telemetry.disk import Disk

NAME = "manifest.json"
FORMAT = 1
#: What stands behind the content: the hash of all that comes before it, so that one flipped digit is noticed.
_HASH = b',"hash":"'
_KINDS = ("head", "metrics", "logs", "spans", "exemplars")


@dataclass(frozen=True, slots=True)
class SeriesFile:
    """The keys of the series of one epoch; only the first `bytes` of the file count."""

    epoch: int
    name: str
    bytes: int


@dataclass(frozen=True, slots=True)
class GenerationFile:
    """The checkpointed samples of one generation of the head; series numbers are those of `epoch`."""

    number: int
    epoch: int
    name: str
    bytes: int
    samples: int
    sealing: bool = False


@dataclass(frozen=True, slots=True)
class MetricBlock:
    """Sealed samples: `<name>.samples.parquet` and `<name>.series.parquet`. Times are milliseconds UTC."""

    name: str
    samples: int
    series: int
    min_ms: int
    max_ms: int
    bytes: int
    level: int
    samples_hash: int
    series_hash: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that a start needs to know. Records of the log up to `applied_seq` are in these files."""

    applied_seq: int = 0
    next_file: int = 1
    tenants: tuple[str, ...] = ()
    series: tuple[SeriesFile, ...] = ()
    generations: tuple[GenerationFile, ...] = ()
    metric_blocks: tuple[MetricBlock, ...] = ()
    event_blocks: tuple[EventBlock, ...] = ()
    metadata: tuple[tuple[str, str, str, str, str], ...] = ()

    def file_names(self) -> set[str]:
        """Return every file that belongs to the store besides the log and the manifest, relative to its folder."""
        names = {f"head/{file.name}" for file in self.series} | {f"head/{file.name}" for file in self.generations}
        for block in self.metric_blocks:
            names |= {f"metrics/{block.name}.samples.parquet", f"metrics/{block.name}.series.parquet"}
        for event_block in self.event_blocks:
            names |= {f"{event_block.kind}/{name}" for name in event_block.files}
        return names


def dump(manifest: Manifest) -> bytes:
    """Return the manifest as JSON text that ends with a hash of the rest."""
    content = asdict(replace(manifest, event_blocks=()))
    content["event_blocks"] = [block.to_json() for block in manifest.event_blocks]
    text = json.dumps({"format": FORMAT, **content}, separators=(",", ":")).encode().removesuffix(b"}")
    return text + _ending(text)


def _ending(text: bytes) -> bytes:
    return _HASH + xxhash.xxh3_64_hexdigest(text).encode() + b'"}'


def parse(text: bytes) -> Manifest:
    """Invert `dump`. Raises `Permanent` when the text is not a manifest of this format."""
    hashed, mark, rest = text.rpartition(_HASH)
    if mark + rest != _ending(hashed):
        raise Permanent("the manifest is damaged (its hash differs): restore the data directory from a backup")
    try:
        content = json.loads(text)
        if content["format"] != FORMAT:
            raise Permanent(f"the store has another format than {FORMAT}: use the version that wrote it")
        return Manifest(
            applied_seq=content["applied_seq"],
            next_file=content["next_file"],
            tenants=tuple(content["tenants"]),
            series=tuple(SeriesFile(**file) for file in content["series"]),
            generations=tuple(GenerationFile(**file) for file in content["generations"]),
            metric_blocks=tuple(MetricBlock(**block) for block in content["metric_blocks"]),
            event_blocks=tuple(EventBlock.from_json(block) for block in content["event_blocks"]),
            metadata=tuple(tuple(row) for row in content["metadata"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Permanent(f"the manifest is damaged ({error}): restore the data directory from a backup") from error


def load(folder: Path) -> Manifest:
    """Read the manifest; an empty one when the folder is new. Raises `Permanent` when it is damaged or lost."""
    path = folder / NAME
    if path.exists():
        return parse(path.read_bytes())
    left = next((file for kind in (*_KINDS, "wal") for file in (folder / kind).glob("*")), None)
    if left is not None:
        # Nobody may take the files for left over, and delete them.
        raise Permanent(f"{path} is missing, though {left.parent.name}/{left.name} is there: restore it from a backup")
    return Manifest()


def commit(folder: Path, disk: Disk, manifest: Manifest) -> None:
    """Make `manifest` the truth. The files that it names must be durable already."""
    fresh = folder / f"{NAME}.new"
    disk.write_file(fresh, [dump(manifest)])
    disk.replace(fresh, folder / NAME)
    disk.sync_folder(folder)


def missing_blocks(folder: Path, manifest: Manifest) -> list[str]:
    """Return the files of blocks that are named and not there; an index is left out, because it can be made again."""
    blocks = [name for name in manifest.file_names() if not name.startswith("head/") and name.endswith(".parquet")]
    return sorted(name for name in blocks if not (folder / name).exists())


def remove_leftovers(folder: Path, disk: Disk, manifest: Manifest) -> list[str]:
    """Delete what the manifest does not name, and return the names."""
    named = manifest.file_names()
    removed = []
    for kind in _KINDS:
        for path in sorted((folder / kind).glob("*")):
            name = f"{kind}/{path.name}"
            if name not in named:
                disk.remove(path)
                removed.append(name)
    return removed
