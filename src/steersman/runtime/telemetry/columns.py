"""Checkpointed samples and series on disk: plain arrays in hashed frames, appended, read back in one go.

Both kinds of file only grow; how many of their bytes count stands in the manifest.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import xxhash

from steersman.model.errors import Permanent
from steersman.runtime.telemetry.head import Columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from steersman.runtime.telemetry.disk import Buffer

Item = TypeVar("Item", bound=np.generic)

#: hash of all that follows in the frame, number of items, bytes of variable content
_FRAME = struct.Struct("<QQQ")
_SAMPLE_BYTES = 4 + 8 + 8


def _frame(count: int, extra: int, parts: Sequence[Buffer]) -> list[Buffer]:
    digest = xxhash.xxh3_64(struct.pack("<QQ", count, extra))
    for part in parts:
        digest.update(part)
    return [_FRAME.pack(digest.intdigest(), count, extra), *parts]


def sample_frames(batches: Sequence[Columns]) -> list[Buffer]:
    """Return the buffers of one frame that holds all the batches in order.

    The widest columns come first and the frame is filled up to eight bytes, so that a file that was read whole can
    be looked at in place.
    """
    times = np.concatenate([batch.times for batch in batches]).astype("<i8", copy=False)
    values = np.concatenate([batch.values for batch in batches]).astype("<f8", copy=False)
    series = np.concatenate([batch.series for batch in batches]).astype("<i4", copy=False)
    filling = bytes(series.nbytes % 8)
    parts = [column.data.cast("B") for column in (times, values, series) if column.size]
    return _frame(series.size, len(filling), [*parts, filling])


def series_frame(scopes: NDArray[np.int32], lengths: NDArray[np.int64], joined: bytes) -> list[Buffer]:
    """Return the buffers of one frame with the keys of some series."""
    return _frame(scopes.size, len(joined), [scopes.astype("<i4").tobytes(), lengths.astype("<i8").tobytes(), joined])


def _frames(path: Path, size: int, per_item: int) -> Iterator[tuple[int, memoryview]]:
    try:
        with path.open("rb") as file:
            content = memoryview(file.read(size))
    except FileNotFoundError as error:
        raise Permanent(f"{path.name} is missing: restore it from a backup") from error
    at = 0
    while at < size:
        if at + _FRAME.size > len(content):
            raise Permanent(f"{path.name} is shorter than the manifest says: restore it from a backup")
        digest, count, extra = _FRAME.unpack_from(content, at)
        end = at + _FRAME.size + count * per_item + extra
        if end > len(content) or xxhash.xxh3_64_intdigest(content[at + 8 : end]) != digest:
            raise Permanent(f"{path.name} is damaged at byte {at}: restore it from a backup")
        yield count, content[at + _FRAME.size : end]
        at = end


def _aligned(column: NDArray[Item]) -> NDArray[Item]:
    """Return the column as the kernels take it: a copy only if it lies at an odd address."""
    return np.require(column, requirements="A")


def read_samples(path: Path, size: int) -> Iterator[Columns]:
    """Yield the frames of a generation file. Raises `Permanent` when one is damaged."""
    for count, content in _frames(path, size, _SAMPLE_BYTES):
        yield Columns(
            _aligned(np.frombuffer(content, "<i4", count, count * 16)),
            _aligned(np.frombuffer(content, "<i8", count)),
            _aligned(np.frombuffer(content, "<f8", count, count * 8)),
        )


def read_series(path: Path, size: int) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.uint8]]]:
    """Yield (scopes, bounds, joined keys) of the frames of a series file."""
    for count, content in _frames(path, size, 12):
        bounds = np.zeros(count + 1, np.int64)
        np.cumsum(np.frombuffer(content, "<i8", count, count * 4), out=bounds[1:])
        yield np.frombuffer(content, "<i4", count), bounds, np.frombuffer(content, np.uint8, offset=count * 12)
