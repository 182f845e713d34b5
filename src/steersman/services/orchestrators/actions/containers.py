"""Restart, start, stop, signal and limit a Docker container. Its identity is its id and when it was started."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

from steersman.contract.ports import Context
from steersman.contract.service import Action, Preview, Risk
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.errors import Conflict, InvalidInput, NotFound
from steersman.services.orchestrators.logic import has_limits, restoring, unchanged, update_of
from steersman.services.orchestrators.model import Changed, Container, ContainerLimit, ContainerSignal
from steersman.services.orchestrators.store.connections import Orchestrators, asking
from steersman.services.orchestrators.store.rest import Reader

PERMISSION = "orchestrators.containers.control"
#: What an engine may take beyond the grace that a container gets.
_MARGIN_SECONDS = 20.0
_LIMITS = ("NanoCpus", "CpuPeriod", "CpuQuota", "Memory", "MemorySwap")
_UNDO = {
    "restart": "it runs again by itself; what it held in memory is lost",
    "start": "stop it again",
    "stop": "start it again",
}

_Wish = Container | ContainerSignal | ContainerLimit


def _read(docker: Reader, name: str) -> dict[str, Any]:
    found: dict[str, Any] = docker.get(f"/containers/{quote(name, safe='')}/json")
    return found


def _status(container: Mapping[str, Any]) -> str:
    return str(container["State"]["Status"])


def _preview(verb: str, context: Context, args: Container) -> Preview:
    seen = _read(asking(context).docker(args.container), args.container)
    words = f"{verb} the container {args.container} ({seen['Id'][:12]}), which is {_status(seen)}"
    return Preview(words, _UNDO[verb], {"id": seen["Id"], "state": _status(seen)})


def _inspect(context: Context, args: _Wish) -> Mapping[str, Any]:
    seen = _read(asking(context).docker(args.container), args.container)
    limits = {name: seen["HostConfig"].get(name) or 0 for name in _LIMITS}
    state = seen["State"]
    return {"id": seen["Id"], "started_at": state["StartedAt"], "running": state["Running"], "limits": limits}


def _same(docker: Reader, name: str, prior: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the container that was seen before; raises `NotFound` where another one has its name now."""
    seen = _read(docker, name)
    if prior is not None and seen["Id"] != prior["id"]:
        raise NotFound(f"the container {name} is another one by now: {seen['Id'][:12]}, not {prior['id'][:12]}")
    return seen


def _apply(verb: str, context: Context, key: str, args: Container) -> Changed:
    state: Orchestrators = context.state

    def work() -> Changed:
        docker = state.docker(args.container)
        seen = _same(docker.reader, args.container, context.prior)
        if _had_effect(verb, seen, context.prior):
            same = context.prior is None or bool(seen["State"]["Running"]) == context.prior["running"]
            return Changed(args.container, _status(seen), changed=verb == "restart" or not same)
        params = {} if verb == "start" else {"t": str(args.grace_seconds)}
        seconds = args.grace_seconds + _MARGIN_SECONDS
        answer = docker.send("POST", f"/containers/{seen['Id']}/{verb}", params=params, timeout_seconds=seconds)
        # 304: it stood so already.
        return Changed(args.container, _status(_read(docker.reader, seen["Id"])), changed=answer.status != 304)

    return state.once(f"container_{verb}", key, work)


def _had_effect(verb: str, seen: Mapping[str, Any], prior: Mapping[str, Any] | None) -> bool:
    running = bool(seen["State"]["Running"])
    if verb == "start":
        return running
    if verb == "stop":
        return not running
    return prior is not None and running and seen["State"]["StartedAt"] != prior["started_at"]


def _opposite(verb: str, context: Context, _key: str, args: Container, result: Changed) -> None:
    if result.changed:
        state: Orchestrators = context.state
        docker = state.docker(args.container)
        seen = _same(docker.reader, args.container, context.prior)
        params = {} if verb == "start" else {"t": str(args.grace_seconds)}
        seconds = args.grace_seconds + _MARGIN_SECONDS
        docker.send("POST", f"/containers/{seen['Id']}/{verb}", params=params, timeout_seconds=seconds)


def _preview_kill(context: Context, args: ContainerSignal) -> Preview:
    seen = _read(asking(context).docker(args.container), args.container)
    words = f"send {args.signal} to the container {args.container}, which is {_status(seen)}"
    return Preview(words, "a signal cannot be taken back; start it again where it ended", {"id": seen["Id"]})


def _kill(context: Context, key: str, args: ContainerSignal) -> Changed:
    state: Orchestrators = context.state

    def work() -> Changed:
        docker, prior = state.docker(args.container), context.prior
        seen = _same(docker.reader, args.container, prior)
        begun_anew = prior is not None and seen["State"]["StartedAt"] != prior["started_at"]
        if not seen["State"]["Running"] or begun_anew:
            return unchanged(args.container, _status(seen))
        docker.send("POST", f"/containers/{seen['Id']}/kill", params={"signal": args.signal})
        return Changed(args.container, args.signal)

    return state.once("container_kill", key, work)


def _start_again(context: Context, _key: str, args: ContainerSignal, result: Changed) -> None:
    state: Orchestrators = context.state
    docker = state.docker(args.container)
    seen = _same(docker.reader, args.container, context.prior)
    if result.changed and not seen["State"]["Running"]:
        docker.send("POST", f"/containers/{seen['Id']}/start")


def _checked_update(seen: Mapping[str, Any], args: ContainerLimit) -> dict[str, Any]:
    """Return the update; refuses a first limit on memory, as the engine has no way to take one off again."""
    if args.cpus is None and args.memory_bytes is None:
        raise InvalidInput("say cpus or memory_bytes")
    if args.memory_bytes is not None and not seen["HostConfig"].get("Memory"):
        raise Conflict(f"{args.container} has no limit on memory, and Docker could not take one off again")
    return update_of(seen, args)


def _preview_limit(context: Context, args: ContainerLimit) -> Preview:
    seen = _read(asking(context).docker(args.container), args.container)
    body = _checked_update(seen, args)
    back = restoring(seen["HostConfig"], body)
    return Preview(f"limit the container {args.container} to {body}", f"set {back}", {"to": body, "back": back})


def _limit(context: Context, key: str, args: ContainerLimit) -> Changed:
    state: Orchestrators = context.state

    def work() -> Changed:
        docker = state.docker(args.container)
        seen = _same(docker.reader, args.container, context.prior)
        body = _checked_update(seen, args)
        before = restoring(context.prior["limits"] if context.prior else seen["HostConfig"], body)
        if not has_limits(seen["HostConfig"], body):
            docker.send("POST", f"/containers/{seen['Id']}/update", body)
        return Changed(args.container, "limited", before={**before, "id": seen["Id"]})

    return state.once("container_limit", key, work)


def _unlimit(context: Context, _key: str, args: ContainerLimit, result: Changed) -> None:
    state: Orchestrators = context.state
    docker = state.docker(args.container)
    body = {name: value for name, value in result.before.items() if name != "id"}
    seen = _same(docker.reader, args.container, {"id": result.before["id"]})
    if not has_limits(seen["HostConfig"], body):
        docker.send("POST", f"/containers/{seen['Id']}/update", body)


def _propose(context: Context, entity: Entity, _cause: CauseKind) -> Iterator[Container]:
    for one in asking(context).near("container", entity):
        yield Container(one.name)


def _propose_limit(context: Context, entity: Entity, _cause: CauseKind) -> Iterator[ContainerLimit]:
    """Half a processor leaves the noisy one working and its neighbours the rest."""
    for one in asking(context).near("container", entity):
        yield ContainerLimit(one.name, cpus=0.5)


def _action(name: str, help: str, args: type, risk: Risk, **more: Any) -> Action:
    return Action(
        name=f"container_{name}",
        help=help,
        args=args,
        result=Changed,
        permission=PERMISSION,
        risk=risk,
        inspect=_inspect,
        target_kind=EntityKind.CONTAINER,
        target=lambda args: Entity(EntityKind.CONTAINER, args.container),
        timeout_seconds=100,
        **more,
    )


def _turn(verb: str, help: str, **more: Any) -> Action:
    functions: dict[str, Any] = {"preview": partial(_preview, verb), "apply": partial(_apply, verb), **more}
    return _action(verb, help, Container, Risk.DISRUPTIVE, **functions)


CONTAINER_ACTIONS = (
    _turn(
        "restart",
        "Restart a Docker container.",
        helps=frozenset(
            {
                CauseKind.HANG,
                CauseKind.MEMORY_LEAK,
                CauseKind.DESCRIPTOR_LEAK,
                CauseKind.POOL_EXHAUSTION,
                CauseKind.LOCK_CONTENTION,
            }
        ),
        propose=_propose,
    ),
    _turn(
        "start",
        "Start a Docker container that does not run.",
        helps=frozenset({CauseKind.CRASH}),
        propose=_propose,
        compensate=partial(_opposite, "stop"),
    ),
    _turn("stop", "Stop a Docker container.", compensate=partial(_opposite, "start")),
    _action(
        "kill",
        "Send a signal to a Docker container.",
        ContainerSignal,
        Risk.DISRUPTIVE,
        preview=_preview_kill,
        apply=_kill,
        compensate=_start_again,
    ),
    _action(
        "limit",
        "Limit how much processor time and memory a Docker container gets.",
        ContainerLimit,
        Risk.REVERSIBLE,
        preview=_preview_limit,
        apply=_limit,
        undo=_unlimit,
        helps=frozenset({CauseKind.NOISY_NEIGHBOUR}),
        propose=_propose_limit,
    ),
)
