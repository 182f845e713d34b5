"""Acts upon one file of a declared folder: rotate, compress, delete, truncate, quarantine.

What a file was before the effect is in `prior`: a name that is free, or another file by now, has had its effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from steersman.contract.ports import Context
from steersman.contract.service import Action, Preview, Risk
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.errors import NotFound, SteersmanError
from steersman.services.housekeeping.actions.free import PERMISSION, stamp
from steersman.services.housekeeping.logic import live
from steersman.services.housekeeping.model import FileChanged, FileSeen, Measure, OneFile
from steersman.services.housekeeping.store.compression import compress, decompress
from steersman.services.housekeeping.store.declared import Housekeeping, declared_of, owner, policies_of
from steersman.services.housekeeping.store.effects import WorkingFolder, quarantined

#: Does it to the file that was seen, at the moment that was noted; returns its new name and the bytes freed.
_Effect = Callable[[WorkingFolder, FileSeen, str], tuple[str, int]]


@dataclass(frozen=True, slots=True)
class _Words:
    """How a preview says what is done and how it is undone."""

    does: str
    undo: str


def _preview(measure: Measure, words: _Words, context: Context, args: OneFile) -> Preview:
    file = _demand(measure, context, args)
    changes = {"files": [{"do": measure, "file": file.name, "bytes": file.size}]}
    return Preview(f"{words.does} {args.file} in {args.path} ({file.size} bytes)", words.undo, changes)


def _inspect(measure: Measure, context: Context, args: OneFile) -> Mapping[str, Any]:
    file = _demand(measure, context, args)
    moment = stamp(context.ports.clock.wall_ns())
    return {"inode": file.inode, "size": file.size, "modified_ns": file.modified_ns, "moment": moment}


def _demand(measure: Measure, context: Context, args: OneFile) -> FileSeen:
    looking = declared_of(context)
    file = looking.find(looking.allowed(args.path, args.service, measure), args.file)
    if file is None:
        raise NotFound(f"there is no file {args.file} in {args.path}")
    return file


def _apply(measure: Measure, effect: _Effect, context: Context, _key: str, args: OneFile) -> FileChanged:
    state: Housekeeping = context.state
    policy = state.looking.allowed(args.path, args.service, measure)
    found = state.looking.find(policy, args.file)
    prior = context.prior
    moment = str(prior["moment"]) if prior else stamp(context.ports.clock.wall_ns())
    with state.working(policy) as folder:
        if found is None or (prior and _has_changed(found, prior)) or _is_kept(measure, folder, args, prior):
            return _afterwards(measure, folder, args, prior)
        name, freed = effect(folder, found, moment)
    return FileChanged(args.file, name, freed)


def _has_changed(found: FileSeen, prior: Mapping[str, Any]) -> bool:
    """Another file under this name, or one that lost content, is one that had the effect before a kill."""
    return found.inode != int(prior["inode"]) or found.size < int(prior["size"])


def _is_kept(measure: Measure, folder: WorkingFolder, args: OneFile, prior: Mapping[str, Any] | None) -> bool:
    """Tell whether the end of an emptied log lies beside it: the log itself may have grown again by now."""
    return (
        measure is Measure.TRUNCATE
        and prior is not None
        and bool(folder.looking.find(f"{args.file}.{prior['moment']}"))
    )


def _afterwards(measure: Measure, folder: WorkingFolder, args: OneFile, prior: Mapping[str, Any] | None) -> FileChanged:
    """Say what came of an effect that was had before: look for the file under the name that it would have got."""
    moment = str(prior["moment"]) if prior else ""
    names = {
        Measure.ROTATE: f"{args.file}.{moment}",
        Measure.TRUNCATE: f"{args.file}.{moment}",
        Measure.COMPRESS: f"{args.file}.gz",
        Measure.QUARANTINE: quarantined(args.file),
    }
    name = names.get(measure, "")
    kept = folder.looking.find(name) if name else None
    freed = int(prior["size"]) - (kept.size if kept else 0) if prior and measure not in _FREE_NOTHING else 0
    return FileChanged(args.file, name if kept else "", freed)


_FREE_NOTHING = frozenset({Measure.ROTATE, Measure.QUARANTINE})


def _rename_back(context: Context, _key: str, args: OneFile, result: FileChanged) -> None:
    state: Housekeeping = context.state
    if not result.now:
        return
    with state.working(state.looking.policy(args.path, args.service)) as folder:
        file = folder.looking.find(result.now)
        if file is not None:
            folder.rename(file, args.file)
        elif folder.looking.find(args.file) is None:
            raise NotFound(f"{result.now} is gone from {args.path}")


def _unpack(context: Context, _key: str, args: OneFile, result: FileChanged) -> None:
    state: Housekeeping = context.state
    with state.working(state.looking.policy(args.path, args.service)) as folder:
        if result.now and folder.looking.find(result.now) is not None:
            decompress(folder.looking, args.file)


def _propose_truncate(context: Context, entity: Entity, _cause: CauseKind) -> Iterator[OneFile]:
    """Offer the largest live log of each folder of the entity."""
    looking = declared_of(context)
    for policy in policies_of(looking, entity):
        try:
            with looking.folder(policy) as folder:
                files = live(policy, folder.scan().files)
        except (SteersmanError, OSError):
            continue
        if files:
            yield OneFile(policy.path, files[0].name, policy.service)


def _action(measure: Measure, help: str, risk: Risk, words: _Words, effect: _Effect, **more: Any) -> Action:
    return Action(
        name=str(measure),
        help=help,
        args=OneFile,
        result=FileChanged,
        permission=PERMISSION,
        risk=risk,
        preview=partial(_preview, measure, words),
        apply=partial(_apply, measure, effect),
        inspect=partial(_inspect, measure),
        target_kind=EntityKind.SERVICE,
        target=lambda args: owner(args.service),
        timeout_seconds=120,
        **more,
    )


ROTATE = _action(
    Measure.ROTATE,
    "Give a log a name with the time in it, so that its writer begins a new one when it reopens it.",
    Risk.REVERSIBLE,
    _Words("rename", "give it its name back, unless a new file has taken it"),
    lambda folder, file, moment: (folder.rotate(file, moment), 0),
    undo=_rename_back,
)
COMPRESS = _action(
    Measure.COMPRESS,
    "Replace a file by its gzip copy; the original stays until the copy is complete and synced.",
    Risk.DESTRUCTIVE,
    _Words("compress", "unpack it again, where there is room"),
    lambda folder, file, _moment: (f"{file.name}.gz", compress(folder.looking, file)),
    compensate=_unpack,
)
DELETE = _action(
    Measure.DELETE,
    "Delete one file that the policy of its folder declares expendable.",
    Risk.DESTRUCTIVE,
    _Words("delete", "it cannot be undone"),
    lambda folder, file, _moment: ("", folder.delete(file)),
)
TRUNCATE = _action(
    Measure.TRUNCATE,
    "Empty a log that its writer keeps open, keeping its end beside it, 64 KiB at most.",
    Risk.DESTRUCTIVE,
    _Words("empty", "it cannot be undone; its end is kept, 64 KiB at most"),
    lambda folder, file, moment: folder.truncate(file, moment),
    helps=frozenset({CauseKind.DISK_FULL, CauseKind.LOG_FLOOD}),
    propose=_propose_truncate,
    gain=0.6,
)
QUARANTINE_FILE = _action(
    Measure.QUARANTINE,
    "Move a file out of sight of its readers and writers, on the same file system. Frees nothing.",
    Risk.REVERSIBLE,
    _Words("move into quarantine", "move it back, unless a new file has taken its name"),
    lambda folder, file, _moment: (folder.quarantine(file), 0),
    undo=_rename_back,
    helps=frozenset({CauseKind.DATA_CORRUPTION}),
)
