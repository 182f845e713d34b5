"""Free disk: carries out the policy of a folder, step by step, until it is below its target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from steersman.contract.ports import Context
from steersman.contract.service import Action, Preview, Risk
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.errors import SteersmanError
from steersman.services.housekeeping.logic import plan
from steersman.services.housekeeping.model import DiskPolicy, Done, Freed, FreeDisk, Measure, Scan, Step
from steersman.services.housekeeping.store.compression import compress
from steersman.services.housekeeping.store.declared import Housekeeping, declared_of, owner, policies_of
from steersman.services.housekeeping.store.effects import WorkingFolder

PERMISSION = "housekeeping.files.write"
_LISTED = 100


def stamp(now_ns: int) -> str:
    """Return a time as it goes into a file's name, to the millisecond."""
    seconds, rest = divmod(now_ns, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y%m%dT%H%M%S}{rest // 1_000_000:03d}Z"


def _target(policy: DiskPolicy, scan: Scan, share: float) -> int:
    return int(scan.limit(policy.quota_bytes) * share)


def _preview(context: Context, args: FreeDisk) -> Preview:
    looking = declared_of(context)
    policy = looking.policy(args.path, args.service)
    with looking.folder(policy) as folder:
        scan = folder.scan()
    target = _target(policy, scan, args.target_share)
    steps = plan(policy, scan, target, context.ports.clock.wall_ns())
    most = sum(step.frees for step in steps)
    listed = [{"do": step.measure, "file": step.file.name, "bytes": step.file.size} for step in steps[:_LISTED]]
    return Preview(
        f"bring {args.path} from {scan.used} to {target} bytes by at most {len(steps)} steps that its policy allows, "
        f"freeing at most {most} bytes",
        "what is deleted or emptied stays so; the policy of the folder declares it expendable",
        {"files": listed, "steps": len(steps), "used_bytes": scan.used, "target_bytes": target},
    )


def _inspect(context: Context, args: FreeDisk) -> Mapping[str, Any]:
    looking = declared_of(context)
    policy = looking.policy(args.path, args.service)
    with looking.folder(policy) as folder:
        scan = folder.scan()
    # The target is fixed here: on a full disk the limit is what the folder uses, and moves with every step.
    return {"used_bytes": scan.used, "target_bytes": _target(policy, scan, args.target_share)}


def _apply(context: Context, _key: str, args: FreeDisk) -> Freed:
    """Repeating it is harmless: it goes on from what lies there until the target that was set before the effect."""
    state: Housekeeping = context.state
    policy = state.looking.policy(args.path, args.service)
    now_ns = context.ports.clock.wall_ns()
    with state.working(policy) as folder:
        scan = folder.looking.scan()
        prior = context.prior or {"used_bytes": scan.used, "target_bytes": _target(policy, scan, args.target_share)}
        target = int(prior["target_bytes"])
        steps = list(_carry_out(folder, plan(policy, scan, target, now_ns), scan.used - target, stamp(now_ns)))
        used = folder.looking.scan().used
    return Freed(max(0, int(prior["used_bytes"]) - used), used, target, used <= target, steps[:_LISTED])


def _carry_out(folder: WorkingFolder, steps: tuple[Step, ...], needed: int, moment: str) -> Iterator[Done]:
    """Take the steps until enough is freed; one that fails is told and does not stop the rest."""
    for step in steps:
        if needed <= 0:
            return
        try:
            freed = _take(folder, step, moment)
        except (SteersmanError, OSError) as error:
            yield Done(step.measure, step.file.name, 0, skipped=str(error))
            continue
        needed -= freed
        yield Done(step.measure, step.file.name, freed)


def _take(folder: WorkingFolder, step: Step, moment: str) -> int:
    match step.measure:
        case Measure.DELETE:
            return folder.delete(step.file)
        case Measure.TRUNCATE:
            return folder.truncate(step.file, moment)[1]
        case Measure.COMPRESS:
            return compress(folder.looking, step.file)
        case Measure.ROTATE | Measure.QUARANTINE:
            folder.rotate(step.file, moment)
            return 0


def _propose(context: Context, entity: Entity, _cause: CauseKind) -> Iterator[FreeDisk]:
    """Offer the folders of an entity where the policy finds something to do; the machine's are all of them."""
    looking = declared_of(context)
    now_ns = context.ports.clock.wall_ns()
    for policy in policies_of(looking, entity):
        wish = FreeDisk(policy.path, policy.service)
        try:
            with looking.folder(policy) as folder:
                scan = folder.scan()
        except (SteersmanError, OSError):
            continue
        if plan(policy, scan, _target(policy, scan, wish.target_share), now_ns):
            yield wish


FREE_DISK = Action(
    name="free_disk",
    help="Bring a declared folder below a share of its quota, by what its policy allows.",
    args=FreeDisk,
    result=Freed,
    permission=PERMISSION,
    risk=Risk.DESTRUCTIVE,
    preview=_preview,
    apply=_apply,
    inspect=_inspect,
    target_kind=EntityKind.SERVICE,
    target=lambda args: owner(args.service),
    helps=frozenset({CauseKind.DISK_FULL, CauseKind.LOG_FLOOD}),
    propose=_propose,
    gain=0.8,
    timeout_seconds=120,
)
