"""Restart, scale and roll back a Kubernetes deployment, and delete a pod that its controller replaces.

What was decided on is named in the request by uid and resourceVersion, and its key stays in an annotation of the
deployment: whoever repeats the key finds it there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from steersman.contract.ports import Context
from steersman.contract.service import Action, Preview, Risk
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.errors import Conflict, NotFound, Permanent
from steersman.services.orchestrators.logic import digest, left_behind, plain_template, revision, template_before
from steersman.services.orchestrators.model import Changed, Deployment, Pod, Scale
from steersman.services.orchestrators.store.connections import Orchestrators, asking
from steersman.services.orchestrators.store.kubernetes import KubernetesReader

PERMISSION = "orchestrators.deployments.control"
#: kubectl's own annotation, so that its users see a restart as they know it.
_RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
_KEY = "steersman.io/restarted-by"
#: How many templates that were left a deployment remembers; Kubernetes keeps ten replica sets.
_REMEMBERED = 10


def _inspect(context: Context, args: Deployment | Scale) -> Mapping[str, Any]:
    return _prior_of(asking(context).kubernetes(args.deployment).deployment(args.deployment))


def _prior_of(seen: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata, spec = seen["metadata"], seen["spec"]
    return {
        "uid": metadata["uid"],
        "generation": metadata.get("generation", 0),
        "revision": revision(seen),
        "replicas": spec.get("replicas", 1),
        "template": plain_template(spec["template"]),
    }


def _same(reader: KubernetesReader, name: str, prior: Mapping[str, Any] | None) -> dict[str, Any]:
    seen = reader.deployment(name)
    if prior is not None and seen["metadata"]["uid"] != prior["uid"]:
        raise NotFound(f"the deployment {name} that was meant is gone; another one has its name")
    return seen


def _restart_patch(context: Context, key: str) -> dict[str, Any]:
    moment = datetime.fromtimestamp(context.ports.clock.wall_ns() // 1_000_000_000, UTC)
    annotations = {_RESTARTED_AT: f"{moment:%Y-%m-%dT%H:%M:%SZ}", _KEY: key}
    return {"spec": {"template": {"metadata": {"annotations": annotations}}}}


def _preview_restart(context: Context, args: Deployment) -> Preview:
    reader = asking(context).kubernetes(args.deployment)
    seen = reader.deployment(args.deployment)
    reader.try_merge(reader.path(args.deployment), seen, _restart_patch(context, "a trial"))
    words = f"replace the {seen['spec'].get('replicas', 1)} pods of the deployment {args.deployment}, one after another"
    return Preview(words, "what the pods held in memory is lost", {"revision": revision(seen), "checked": "dryRun=All"})


def _restart(context: Context, key: str, args: Deployment) -> Changed:
    state: Orchestrators = context.state

    def work() -> Changed:
        kubernetes = state.kubernetes(args.deployment)
        seen = _same(kubernetes.reader, args.deployment, context.prior)
        annotations = (seen["spec"]["template"].get("metadata") or {}).get("annotations") or {}
        if annotations.get(_KEY) != key:
            kubernetes.merge(kubernetes.reader.path(args.deployment), seen, _restart_patch(context, key))
        return Changed(args.deployment, "restarting")

    return state.once("deployment_restart", key, work)


def _preview_scale(context: Context, args: Scale) -> Preview:
    reader = asking(context).kubernetes(args.deployment)
    seen = reader.deployment(args.deployment)
    now = seen["spec"].get("replicas", 1)
    reader.try_merge(f"{reader.path(args.deployment)}/scale", seen, {"spec": {"replicas": args.replicas}})
    words = f"scale the deployment {args.deployment} from {now} to {args.replicas} replicas"
    return Preview(words, f"scale it back to {now}", {"from": now, "to": args.replicas, "checked": "dryRun=All"})


def _scale(context: Context, key: str, args: Scale) -> Changed:
    state: Orchestrators = context.state

    def work() -> Changed:
        kubernetes = state.kubernetes(args.deployment)
        seen = _same(kubernetes.reader, args.deployment, context.prior)
        now = seen["spec"].get("replicas", 1)
        before = context.prior["replicas"] if context.prior else now
        if now != args.replicas:
            if now != before:
                raise Conflict(f"somebody scaled {args.deployment} from {before} to {now} meanwhile")
            path = f"{kubernetes.reader.path(args.deployment)}/scale"
            kubernetes.merge(path, seen, {"spec": {"replicas": args.replicas}})
        facts = {"replicas": before, "uid": seen["metadata"]["uid"]}
        return Changed(args.deployment, f"{args.replicas} replicas", changed=before != args.replicas, before=facts)

    return state.once("deployment_scale", key, work)


def _scale_back(context: Context, _key: str, args: Scale, result: Changed) -> None:
    state: Orchestrators = context.state
    kubernetes = state.kubernetes(args.deployment)
    seen = _same(kubernetes.reader, args.deployment, result.before)
    now, before = seen["spec"].get("replicas", 1), result.before["replicas"]
    if now == before:
        return
    if now != args.replicas:
        raise Conflict(f"somebody scaled {args.deployment} from {args.replicas} to {now} meanwhile")
    kubernetes.merge(f"{kubernetes.reader.path(args.deployment)}/scale", seen, {"spec": {"replicas": before}})


def _preview_rollback(context: Context, args: Deployment) -> Preview:
    reader = asking(context).kubernetes(args.deployment)
    seen = reader.deployment(args.deployment)
    number, template = template_before(seen, reader.replica_sets(seen))
    reader.try_template(reader.path(args.deployment), seen, template, _leaving(seen))
    words = f"roll the deployment {args.deployment} back from revision {revision(seen)} to the template of {number}"
    changes = {"from": revision(seen), "to": number, "images": _images(template), "checked": "dryRun=All"}
    return Preview(words, f"roll forward to the template of revision {revision(seen)}", changes)


def _leaving(seen: Mapping[str, Any]) -> str:
    """Note the present template as one that was left, with those of before."""
    return ",".join([*left_behind(seen), digest(plain_template(seen["spec"]["template"]))][-_REMEMBERED:])


def _inspect_rollback(context: Context, args: Deployment) -> Mapping[str, Any]:
    """Look for what to go back to as well: without it there is nothing to do."""
    reader = asking(context).kubernetes(args.deployment)
    seen = reader.deployment(args.deployment)
    template_before(seen, reader.replica_sets(seen))
    return _prior_of(seen)


def _images(template: Mapping[str, Any]) -> list[str]:
    return [str(one.get("image", "")) for one in (template.get("spec") or {}).get("containers", ())]


def _rollback(context: Context, key: str, args: Deployment) -> Changed:
    """Go back once: a deployment that no longer has the template that was seen before has had its effect."""
    state: Orchestrators = context.state

    def work() -> Changed:
        kubernetes = state.kubernetes(args.deployment)
        seen = _same(kubernetes.reader, args.deployment, context.prior)
        now = plain_template(seen["spec"]["template"])
        before = context.prior["template"] if context.prior else now
        if now == before:
            _, template = template_before(seen, kubernetes.reader.replica_sets(seen))
            kubernetes.replace_template(kubernetes.reader.path(args.deployment), seen, template, _leaving(seen))
        facts = {"template": before, "uid": seen["metadata"]["uid"]}
        return Changed(args.deployment, "rolling back", before=facts)

    return state.once("deployment_rollback", key, work)


def _roll_forward(context: Context, _key: str, args: Deployment, result: Changed) -> None:
    state: Orchestrators = context.state
    kubernetes = state.kubernetes(args.deployment)
    seen = _same(kubernetes.reader, args.deployment, result.before)
    template = result.before["template"]
    if plain_template(seen["spec"]["template"]) != template:
        left = ",".join(one for one in left_behind(seen) if one != digest(template))
        kubernetes.replace_template(kubernetes.reader.path(args.deployment), seen, template, left)


def _owned_pod(reader: KubernetesReader, name: str) -> dict[str, Any]:
    """Return a pod that will be replaced; raises `Permanent` for one that nobody would make anew."""
    pod = reader.pod(name)
    if not any(owner.get("controller") for owner in pod["metadata"].get("ownerReferences", ())):
        raise Permanent(f"the pod {name} has no controller that would make another one: it is not deleted")
    return pod


def _preview_pod(context: Context, args: Pod) -> Preview:
    reader = asking(context).kubernetes(_deployment_of(args.pod))
    pod = _owned_pod(reader, args.pod)
    reader.try_delete(reader.pod_path(args.pod), pod)
    words = f"delete the pod {args.pod}; its controller makes another one"
    return Preview(words, "the pod itself does not come back", {"uid": pod["metadata"]["uid"], "checked": "dryRun=All"})


def _inspect_pod(context: Context, args: Pod) -> Mapping[str, Any]:
    pod = _owned_pod(asking(context).kubernetes(_deployment_of(args.pod)), args.pod)
    return {"uid": pod["metadata"]["uid"]}


def _delete_pod(context: Context, key: str, args: Pod) -> Changed:
    state: Orchestrators = context.state

    def work() -> Changed:
        kubernetes = state.kubernetes(_deployment_of(args.pod))
        try:
            pod = _owned_pod(kubernetes.reader, args.pod)
        except NotFound:
            return Changed(args.pod, "gone", changed=context.prior is not None)
        is_another = context.prior is not None and pod["metadata"]["uid"] != context.prior["uid"]
        if is_another or pod["metadata"].get("deletionTimestamp"):
            return Changed(args.pod, "gone")
        kubernetes.delete(kubernetes.reader.pod_path(args.pod), pod)
        return Changed(args.pod, "gone")

    return state.once("pod_delete", key, work)


def _deployment_of(pod: str) -> str:
    """Return the deployment that a pod's name begins with: NAME-HASH-SUFFIX (Kubernetes names them so)."""
    return pod.rsplit("-", 2)[0]


def _propose(context: Context, entity: Entity, _cause: CauseKind) -> Iterator[Deployment]:
    for one in asking(context).near("deployment", entity):
        yield Deployment(one.name)


def _propose_scale(context: Context, entity: Entity, _cause: CauseKind) -> Iterator[Scale]:
    """One replica more, or half as many again: what an autoscaler takes for a step."""
    for one in asking(context).near("deployment", entity):
        if one.replicas:
            yield Scale(one.name, one.replicas + max(1, one.replicas // 2))


def _propose_pod(context: Context, entity: Entity, _cause: CauseKind) -> Iterator[Pod]:
    known = asking(context).seen.get("deployment", ())
    if entity.kind is EntityKind.POD and any(one.name == _deployment_of(entity.id) for one in known):
        yield Pod(entity.id)


def _action(name: str, help: str, args: type, risk: Risk, inspect: Any = _inspect, **more: Any) -> Action:
    return Action(
        name=f"deployment_{name}",
        help=help,
        args=args,
        result=Changed,
        permission=PERMISSION,
        risk=risk,
        inspect=inspect,
        target_kind=EntityKind.SERVICE,
        target=lambda args: Entity(EntityKind.SERVICE, args.deployment),
        timeout_seconds=45,
        **more,
    )


DEPLOYMENT_ACTIONS = (
    _action(
        "restart",
        "Replace the pods of a Kubernetes deployment one after another.",
        Deployment,
        Risk.DISRUPTIVE,
        preview=_preview_restart,
        apply=_restart,
        helps=frozenset({CauseKind.HANG, CauseKind.MEMORY_LEAK, CauseKind.DESCRIPTOR_LEAK, CauseKind.POOL_EXHAUSTION}),
        propose=_propose,
    ),
    _action(
        "scale",
        "Set the number of replicas of a Kubernetes deployment.",
        Scale,
        Risk.REVERSIBLE,
        preview=_preview_scale,
        apply=_scale,
        undo=_scale_back,
        helps=frozenset({CauseKind.TRAFFIC_SURGE, CauseKind.CPU_SATURATION, CauseKind.BACKLOG}),
        propose=_propose_scale,
    ),
    _action(
        "rollback",
        "Give a Kubernetes deployment the pod template of the rollout before.",
        Deployment,
        Risk.REVERSIBLE,
        preview=_preview_rollback,
        inspect=_inspect_rollback,
        apply=_rollback,
        undo=_roll_forward,
        helps=frozenset({CauseKind.BAD_DEPLOY, CauseKind.BAD_CONFIG, CauseKind.CRASH_LOOP}),
        propose=_propose,
    ),
    Action(
        name="pod_delete",
        help="Delete a pod of a Kubernetes deployment, which makes another one.",
        args=Pod,
        result=Changed,
        permission=PERMISSION,
        risk=Risk.DISRUPTIVE,
        preview=_preview_pod,
        apply=_delete_pod,
        inspect=_inspect_pod,
        target_kind=EntityKind.POD,
        target=lambda args: Entity(EntityKind.POD, args.pod),
        helps=frozenset({CauseKind.HANG, CauseKind.CRASH_LOOP, CauseKind.MEMORY_LEAK}),
        propose=_propose_pod,
    ),
)
