"""What a policy says about the files that were seen: which match, what is due, in which order. Pure; takes the time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from steersman.services.housekeeping.model import DiskPolicy, FileSeen, Measure, Scan, Step, Usage

_NS = 1_000_000_000
#: What `rotate`, `truncate` and `compress` add to a name. A file is matched by the name that it had before.
_OURS = re.compile(r"(\.\d{8}T\d{6}\d{3}Z)?(\.gz)?$")
_STAMPED = re.compile(r"\.\d{8}T\d{6}\d{3}Z(\.gz)?$")
#: A live log that no limit is declared for is worth emptying from here on.
_LARGE = 1024 * 1024


def matches(policy: DiskPolicy, name: str) -> bool:
    """Tell whether a file is the policy's to act upon."""
    original = _OURS.sub("", name, count=1)
    last = original.rpartition("/")[2]
    return any(fnmatchcase(original if "/" in pattern else last, pattern) for pattern in policy.patterns)


def plan(policy: DiskPolicy, scan: Scan, target: int, now_ns: int) -> tuple[Step, ...]:
    """Return the steps in order that together could bring a folder below `target` bytes.

    Rotating and compressing come first, as they lose nothing; what they free is known afterwards only, so the
    deletions are listed as if they freed nothing, and whoever carries this out stops at the target. A live file is
    emptied last. Where it is emptied it is not rotated: its writer would go on in the file with the new name.
    """
    if scan.used <= target:
        return ()
    files = [file for file in scan.files if matches(policy, file.name)]
    expendable = list(_deletable(policy, files, now_ns))
    gone = {file.name for file in expendable}
    steps = [Step(Measure.ROTATE, file, 0) for file in _rotatable(policy, files)]
    rotated = {step.file.name for step in steps}
    steps += [
        Step(Measure.COMPRESS, file, file.size)
        for file in _compressible(policy, files, now_ns)
        if file.name not in gone | rotated
    ]
    needed = scan.used - target
    for step in [*(Step(Measure.DELETE, file, file.size) for file in expendable), *_emptied(policy, files, gone)]:
        if needed <= 0:
            break
        steps.append(step)
        needed -= step.frees
    return tuple(steps)


def _old(files: Iterable[FileSeen], seconds: float | None, now_ns: int) -> Iterator[FileSeen]:
    """Yield the files that were not written for so long, oldest first."""
    if seconds is not None:
        ordered = sorted(files, key=lambda file: (file.modified_ns, file.name))
        yield from (file for file in ordered if now_ns - file.modified_ns >= seconds * _NS)


def _deletable(policy: DiskPolicy, files: Sequence[FileSeen], now_ns: int) -> Iterator[FileSeen]:
    if Measure.DELETE not in policy.allow:
        return
    newest = sorted(files, key=lambda file: (-file.modified_ns, file.name))[: policy.keep_newest]
    kept = {file.name for file in newest}
    yield from (file for file in _old(files, policy.delete_after_seconds, now_ns) if file.name not in kept)


def _compressible(policy: DiskPolicy, files: Sequence[FileSeen], now_ns: int) -> Iterator[FileSeen]:
    if Measure.COMPRESS in policy.allow:
        plain = [file for file in files if file.size and not file.name.endswith((".gz", ".zst", ".xz", ".bz2"))]
        yield from _old(plain, policy.compress_after_seconds, now_ns)


def _rotatable(policy: DiskPolicy, files: Sequence[FileSeen]) -> list[FileSeen]:
    if Measure.ROTATE not in policy.allow or Measure.TRUNCATE in policy.allow or policy.rotate_bytes is None:
        return []
    return [file for file in files if file.size >= policy.rotate_bytes and not _STAMPED.search(file.name)]


def _emptied(policy: DiskPolicy, files: Sequence[FileSeen], gone: set[str]) -> list[Step]:
    return [Step(Measure.TRUNCATE, file, file.size) for file in live(policy, files) if file.name not in gone]


def live(policy: DiskPolicy, files: Sequence[FileSeen]) -> list[FileSeen]:
    """Return the files that are worth emptying, largest first: big ones that have not been rotated."""
    if Measure.TRUNCATE not in policy.allow:
        return []
    large = policy.rotate_bytes or _LARGE
    found = [
        file for file in files if file.size >= large and matches(policy, file.name) and not _STAMPED.search(file.name)
    ]
    return sorted(found, key=lambda file: (-file.size, file.name))


def fill_rate(samples: Sequence[tuple[float, int]]) -> float:
    """Return bytes a second over samples of (seconds, bytes used), from the first to the last."""
    if len(samples) < 2 or samples[-1][0] <= samples[0][0]:
        return 0.0
    return (samples[-1][1] - samples[0][1]) / (samples[-1][0] - samples[0][0])


def words(path: str, usage: Usage) -> str:
    """Say how full a folder is and when it will be full."""
    text = f"{path} is {usage.share:.0%} full: {usage.used} of {usage.limit} bytes"
    left = usage.seconds_until_full
    if left is None:
        return text
    return f"{text}, grows by {usage.rate:.0f} bytes/s and is full in {left:.0f} s"
