"""Put back the release or the configuration that was there before, and forward again. The service starts anew on it.

A link and a file are replaced in one step. What somebody changed after the plan was made is not overwritten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from steersman.contract.ports import Context, Observer
from steersman.contract.service import Action, Expectation, Preview, Risk
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.errors import Conflict, InvalidInput
from steersman.services.workloads.actions.once import once, once_back
from steersman.services.workloads.actions.processes import restart_once
from steersman.services.workloads.actions.targets import (
    PERMISSION,
    fleet_of,
    identities,
    identity_in,
    target_service,
    view_of,
    which,
)
from steersman.services.workloads.logic.reports import change_of
from steersman.services.workloads.model.versions import Shift, Track, TrackKind, Version
from steersman.services.workloads.model.wishes import ConfigWish, DeployWish, Switched, Which
from steersman.services.workloads.store.disk import read_link, replace_file, replace_link
from steersman.services.workloads.store.history import ABSENT, digest_now

_HEALTHY = (Expectation("steersman_services_healthy", within_seconds=30),)
#: What was changed longer ago than this and worked meanwhile is hardly the cause.
_RECENT_MS = 3_600_000


def told(ctx: Context, track: Track, before: str, after: str) -> None:
    """Keep the version and let everybody know who brought it about, unless that was done before a kill."""
    versions = view_of(ctx).versions(track)
    if before == after or (versions and versions[-1].value == after and versions[-1].by):
        return
    shift = Shift(track, Version(before, 0), Version(after, view_of(ctx).now_ms(), by=ctx.caller.subject))
    fleet_of(ctx).history.record(shift.track, shift.after)
    observer: Observer = ctx.ports.get(Observer)  # type: ignore[type-abstract] # a port is asked for by its protocol
    observer.changed(change_of(shift, shift.after.since_ms))


def _renew(ctx: Context, service: str, before: Mapping[str, Any]) -> dict[str, str]:
    """Restart every replica that should run and is still who it was before."""
    fleet = fleet_of(ctx)
    wanted = [one for one in fleet.view.replicas(service) if one.wanted]
    return {one.name: restart_once(fleet, one, identity_in(before, one)) for one in wanted}


def _suspect(ctx: Context, track: Track) -> Version | None:
    """Return the version to go back to, where somebody outside brought about the present one lately."""
    view = view_of(ctx)
    versions = view.versions(track)
    if not versions or versions[-1].by or view.now_ms() - versions[-1].since_ms > _RECENT_MS:
        return None
    return view.before(track)


# --------------------------------------------------------------------------------------------------------- releases


def _link(ctx: Context, service: str) -> str:
    found = view_of(ctx).definition(service).current
    if found is None:
        raise InvalidInput(f"{service} has no releases in the settings")
    return found


def _release_of(ctx: Context, args: DeployWish) -> Mapping[str, Any]:
    return {"release": read_link(_link(ctx, args.service)), **identities(ctx, Which(args.service))}


def _exists(link: str, target: str) -> bool:
    return (Path(link).parent / target).exists()


def _switch_release(ctx: Context, service: str, expected: str, to: str, before: Mapping[str, Any]) -> dict[str, str]:
    link = _link(ctx, service)
    present = read_link(link)
    if present != to:
        if present != expected:
            raise Conflict(f"{service} was deployed meanwhile: {link} points to {present}, and not to {expected}")
        if not _exists(link, to):
            raise Conflict(f"the release {to} of {service} is not there any more")
        replace_link(Path(link), to)
    told(ctx, Track(service, TrackKind.RELEASE), expected, to)
    return _renew(ctx, service, before)


def _roll_back(ctx: Context, args: DeployWish, before: Mapping[str, Any]) -> Switched:
    replicas = _switch_release(ctx, args.service, before["release"], args.to, before)
    return Switched(args.service, before["release"], args.to, replicas)


def _roll_forward(ctx: Context, args: DeployWish, result: Switched, before: Mapping[str, Any]) -> None:
    _switch_release(ctx, args.service, result.after, result.before, before)


def _preview_release(ctx: Context, args: DeployWish) -> Preview:
    link = _link(ctx, args.service)
    present = read_link(link)
    return Preview(
        f"point {link} to {args.to} and restart {args.service}",
        f"point it to {present} again and restart",
        {"release": {"from": present, "to": args.to}},
    )


def _propose_release(ctx: Context, entity: Entity, cause: CauseKind) -> Iterable[DeployWish]:
    view = view_of(ctx)
    wish = which(view, entity)
    link = view.definition(wish.service).current if wish is not None else None
    if wish is None or link is None:
        return
    to = _suspect(ctx, Track(wish.service, TrackKind.RELEASE))
    if to is not None and _exists(link, to.value):
        yield DeployWish(wish.service, to.value)


ROLL_BACK_DEPLOY = Action(
    name="roll_back_deploy",
    help="Put back the release of a service that ran before, and restart it.",
    args=DeployWish,
    result=Switched,
    permission=PERMISSION,
    risk=Risk.REVERSIBLE,
    preview=_preview_release,
    inspect=_release_of,
    apply=once("roll_back_deploy", Switched, _release_of, _roll_back),
    undo=once_back("roll_back_deploy", _release_of, _roll_forward),
    target_kind=EntityKind.SERVICE,
    target=target_service,
    helps=frozenset({CauseKind.BAD_DEPLOY, CauseKind.CRASH_LOOP}),
    propose=_propose_release,
    gain=0.9,
    expects=_HEALTHY,
    timeout_seconds=90.0,
    per_hour=20,
)

# ---------------------------------------------------------------------------------------------------- configuration


def _watched(ctx: Context, args: ConfigWish) -> Track:
    if args.file not in view_of(ctx).definition(args.service).config_files:
        raise InvalidInput(f"{args.file} is none of the config_files of {args.service}")
    return Track(args.service, TrackKind.CONFIG, args.file)


def _kept(ctx: Context, args: ConfigWish) -> str:
    versions = view_of(ctx).versions(_watched(ctx, args))
    found = next((one.value for one in reversed(versions) if one.value.startswith(args.to)), None)
    if found is None:
        raise InvalidInput(f"no kept version of {args.file} begins with {args.to}")
    return found


def _config_of(ctx: Context, args: ConfigWish) -> Mapping[str, Any]:
    _watched(ctx, args)
    return {"digest": digest_now(args.file), **identities(ctx, Which(args.service))}


def _switch_config(ctx: Context, args: ConfigWish, expected: str, to: str, before: Mapping[str, Any]) -> dict[str, str]:
    fleet, file = fleet_of(ctx), Path(args.file)
    present = digest_now(args.file)
    if present != to:
        if present != expected:
            raise Conflict(f"{file} was changed meanwhile: look at it first")
        fleet.history.keep(args.file)
        if to == ABSENT:
            file.unlink(missing_ok=True)
        else:
            replace_file(file, fleet.history.content(to))
    told(ctx, _watched(ctx, args), expected, to)
    reload = fleet.view.definition(args.service).reload_signal
    if reload is None:
        return _renew(ctx, args.service, before)
    # To read the same file twice does no harm, so this needs no record of its own.
    running = [one for one in fleet.view.replicas(args.service) if one.identity is not None]
    if not running:
        return _renew(ctx, args.service, before)
    return {one.name: _reloaded(fleet.signal(one.service, one.number, reload), reload) for one in running}


def _reloaded(sent: bool, signal: str) -> str:  # noqa: FBT001 - it is what sending a signal answers
    return f"got {signal}" if sent else "is gone"


def _restore(ctx: Context, args: ConfigWish, before: Mapping[str, Any]) -> Switched:
    to = _kept(ctx, args)
    replicas = _switch_config(ctx, args, before["digest"], to, before)
    return Switched(args.service, before["digest"], to, replicas)


def _restore_back(ctx: Context, args: ConfigWish, result: Switched, before: Mapping[str, Any]) -> None:
    _switch_config(ctx, args, result.after, result.before, before)


def _preview_config(ctx: Context, args: ConfigWish) -> Preview:
    present, to = digest_now(args.file), _kept(ctx, args)
    signal = view_of(ctx).definition(args.service).reload_signal
    how = f"send {signal} to" if signal else "restart"
    return Preview(
        f"put the version {to[:12]} of {args.file} in place of {present[:12]} and {how} {args.service}",
        f"put the version {present[:12]} in place again",
        {args.file: {"from": present, "to": to}},
    )


def _propose_config(ctx: Context, entity: Entity, cause: CauseKind) -> Iterable[ConfigWish]:
    view = view_of(ctx)
    wish = which(view, entity)
    if wish is None:
        return
    tracks = [Track(wish.service, TrackKind.CONFIG, file) for file in view.definition(wish.service).config_files]
    suspects = [(view.versions(track)[-1].since_ms, track, to) for track in tracks if (to := _suspect(ctx, track))]
    for _, track, to in sorted(suspects, key=lambda suspect: -suspect[0]):
        yield ConfigWish(wish.service, track.name, to.value)


ROLL_BACK_CONFIG = Action(
    name="roll_back_config",
    help="Put back a configuration file of a service as it was before, and make the service read it.",
    args=ConfigWish,
    result=Switched,
    permission=PERMISSION,
    risk=Risk.REVERSIBLE,
    preview=_preview_config,
    inspect=_config_of,
    apply=once("roll_back_config", Switched, _config_of, _restore),
    undo=once_back("roll_back_config", _config_of, _restore_back),
    target_kind=EntityKind.SERVICE,
    target=target_service,
    helps=frozenset({CauseKind.BAD_CONFIG, CauseKind.CRASH_LOOP}),
    propose=_propose_config,
    gain=0.9,
    expects=_HEALTHY,
    timeout_seconds=90.0,
    per_hour=20,
)
