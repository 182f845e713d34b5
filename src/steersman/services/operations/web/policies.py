"""The owner's will: what is in force, a new version of it, the kill switch and the freeze."""

from __future__ import annotations

from dataclasses import replace

from steersman.contract.ports import Context
from steersman.contract.service import Route
from steersman.model.plans import Policy
from steersman.services.operations.logic.will import policy_from, policy_view, switched
from steersman.services.operations.model.people import PolicyBody, PolicyView, Word
from steersman.services.operations.store.people import People, policy_history, stored_policy
from steersman.services.operations.web.answers import now_ms

READ = "operations.policies.read"
WRITE = "operations.policies.write"


def policies(ctx: Context) -> PolicyView:
    with ctx.ports.database.reading() as connection:
        return policy_view(ctx.state.bulletin.policy(), policy_history(connection, ctx.caller.tenant))


def replace_policy(ctx: Context, body: PolicyBody) -> PolicyView:
    return _store(ctx, policy_from(body, _base(ctx)), body.why or "replaced")


def stop(ctx: Context, word: Word | None = None) -> PolicyView:
    return _store(ctx, switched(_base(ctx), killed=True), _why("stopped", word))


def freeze(ctx: Context, word: Word | None = None) -> PolicyView:
    return _store(ctx, switched(_base(ctx), frozen=True), _why("frozen", word))


def resume(ctx: Context, word: Word | None = None) -> PolicyView:
    return _store(ctx, switched(_base(ctx), killed=False, frozen=False), _why("resumed", word))


def _why(what: str, word: Word | None) -> str:
    return f"{what}: {word.text}" if word and word.text else what


def _base(ctx: Context) -> Policy:
    """Return what the next version begins with: the last one, or the settings without the windows laid out of them."""
    with ctx.ports.database.reading() as connection:
        stored = stored_policy(connection, ctx.caller.tenant)
    return stored or replace(ctx.state.bulletin.policy(), maintenance=())


def _store(ctx: Context, policy: Policy, why: str) -> PolicyView:
    ports = ctx.ports
    with ports.database.transaction() as transaction:
        people = People(ports.journal, ports.ids)
        people.policy(transaction, ctx.caller.tenant, policy, ctx.caller.subject, why, now_ms(ctx))
    ctx.state.bulletin.reconsider()
    ctx.state.bulletin.recorded()
    return policies(ctx)


ROUTES = (
    Route(
        method="GET",
        path="/api/ops/policies",
        handler=policies,
        permission=READ,
        summary="What may be done by itself now, and who changed that lately.",
    ),
    Route(
        method="PUT",
        path="/api/ops/policies",
        handler=replace_policy,
        permission=WRITE,
        summary="Replace the policy; the switches stay as they are.",
        errors=(400,),
    ),
    Route(
        method="POST",
        path="/api/ops/policies/stop",
        handler=stop,
        permission=WRITE,
        summary="Pull the kill switch: nothing is done by itself any more.",
        errors=(400,),
    ),
    Route(
        method="POST",
        path="/api/ops/policies/freeze",
        handler=freeze,
        permission=WRITE,
        summary="Freeze: nothing is changed until it is lifted.",
        errors=(400,),
    ),
    Route(
        method="POST",
        path="/api/ops/policies/resume",
        handler=resume,
        permission=WRITE,
        summary="Lift the kill switch and the freeze.",
        errors=(400,),
    ),
)
