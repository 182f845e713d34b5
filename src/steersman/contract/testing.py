"""The conformance kit: what every service has to keep, checked from outside for ours and a third party's alike.

It imports no runtime and no test framework. Whoever runs it brings a harness, which runs the platform with the
service in it, and the service's cases: an example of every action and a way to break every invariant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from steersman.contract.declaring import persons_are_declared
from steersman.contract.harness import Answer, Harness, NonConformance, action_path, addresses, demand
from steersman.contract.looking import Refused, looking
from steersman.contract.objects import ObjectCase, check_objects
from steersman.contract.ports import Context
from steersman.contract.requirements import RequirePermission
from steersman.contract.service import Action, Invariant, Service, SignalKind
from steersman.model.errors import NotFound

#: Besides the checks, what the author of a harness or of cases writes.
__all__ = [
    "CHECKS",
    "OF_DECLARATIONS",
    "ActionCase",
    "Answer",
    "Cases",
    "Check",
    "Harness",
    "NonConformance",
    "ObjectCase",
]


@dataclass(frozen=True, slots=True)
class ActionCase:
    """An example of an action. `observe` reads what the action changes, so that a change can be seen.

    `also` are permissions that these arguments ask for besides the action's own, such as that of a knob to be turned.
    """

    args: Mapping[str, Any]
    observe: Callable[[Context], Any]
    also: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Cases:
    """What only the author of a service knows; `breaks` makes an invariant fail on purpose.

    `settings` are asked for before each start, by dotted key; `prepare` brings about what the examples act upon.
    `objects` make one of each kind that an address takes by its id, by the path up to that id.
    """

    actions: Mapping[str, ActionCase] = field(default_factory=dict)
    breaks: Mapping[str, Callable[[Harness, Context], None]] = field(default_factory=dict)
    settings: Callable[[], Mapping[str, Any]] = dict
    prepare: Callable[[Context], None] = lambda _context: None
    objects: Mapping[str, ObjectCase] = field(default_factory=dict)


Check = Callable[[Harness, Service, Cases], None]


def permissions_are_asked_for(harness: Harness, service: Service, _cases: Cases) -> None:
    """Every address answers 401 without a key, and 403 with every permission but its own."""
    for method, path, permission in addresses(service):
        stranger = harness.call(method, path, None)
        demand(stranger.status == 401, f"{method} {path} answered {stranger.status} to somebody without a key")
        others = frozenset(service.permissions) - {permission}
        denied = harness.call(method, path, others)
        demand(denied.status == 403, f"{method} {path} answered {denied.status} without {permission}")
        demand(permission in str(denied.body), f"{method} {path} does not name the permission that it needs")


def permissions_are_well_named(_harness: Harness, service: Service, _cases: Cases) -> None:
    """Every permission is `service.thing.verb` and says in words what it grants."""
    for permission, words in service.permissions.items():
        parts = permission.split(".")
        demand(len(parts) == 3 and all(parts), f"the permission {permission} is not service.thing.verb")
        demand(parts[0] == service.name, f"the permission {permission} does not begin with {service.name}")
        demand(bool(words.strip()), f"the permission {permission} does not say what it grants")


def permissions_are_used(_harness: Harness, service: Service, _cases: Cases) -> None:
    """A declared permission decides about something: an address asks for it, or the service says where else it does."""
    asked = {permission for _, _, permission in addresses(service)} | service.used_within
    asked |= {one.permission for route in service.routes for one in route.demands if isinstance(one, RequirePermission)}
    asked |= {command.permission for command in service.commands}
    for permission in sorted(frozenset(service.permissions) - asked):
        raise NonConformance(f"nothing asks for the permission {permission}: whoever is granted it has nothing")
    for name, kept in (("tenanted", service.tenanted), ("used_within", service.used_within)):
        unknown = sorted(kept - frozenset(service.permissions))
        demand(not unknown, f"{name} of {service.name} names {unknown}, which it does not declare")


def tenants_are_kept_apart(harness: Harness, service: Service, cases: Cases) -> None:
    """In another tenant nobody holds what is not declared for tenants, with it alone no other address opens, and what
    belongs to one tenant is not there for people of another.
    """
    for method, path, permission in addresses(service):
        answer = harness.call_in_tenant(method, path, frozenset({permission}))
        if permission in service.tenanted:
            demand(answer.status not in {401, 403}, f"{method} {path} is closed to other tenants: {answer.status}")
        else:
            demand(answer.status == 403, f"{method} {path} answered {answer.status} to another tenant")
        demand(harness.call_in_tenant(method, path, frozenset()).status == 403, f"{method} {path} needs no grant")
    check_objects(harness, service, cases.objects)


def previews_change_nothing(harness: Harness, service: Service, cases: Cases) -> None:
    """A dry run says what would happen, changes nothing, and needs nothing that could: it gets ports that only look."""
    for action, case in _examples(service, cases):
        before = case.observe(harness.context(service))
        written = len(harness.journal())
        answer = _act(harness, service, action, case, {"args": dict(case.args), "dry_run": True})
        shown = answer["preview"]
        demand(bool(shown["summary"] and shown["undo"]), f"the preview of {action.name} says too little")
        demand(case.observe(harness.context(service)) == before, f"the preview of {action.name} changes something")
        demand(len(harness.journal()) == written, f"the preview of {action.name} writes to the journal")
        _say(harness, service, action, case)


def _say(harness: Harness, service: Service, action: Action, case: ActionCase) -> None:
    """Preview without the platform in between: a way to write that is tried is refused and seen."""
    try:
        action.preview(looking(harness.context(service)), _typed(action, case.args))
    except Refused as refused:
        raise NonConformance(f"the preview of {action.name} is no dry run: {refused}") from refused


def actions_are_journalled(harness: Harness, service: Service, cases: Cases) -> None:
    """An action leaves its intent and its outcome in the journal, the second caused by the first."""
    for action, case in _examples(service, cases):
        seen = len(harness.journal())
        _act(harness, service, action, case, {"args": dict(case.args), "key": "journalled"})
        subject = f"{service.name}.{action.name}"
        entries = [entry for entry in harness.journal()[seen:] if entry.subject == subject]
        kinds = [entry.type for entry in entries]
        demand(kinds == ["action.requested", "action.applied"], f"{action.name} left {kinds} in the journal")
        demand(entries[1].cause == entries[0].id, f"the outcome of {action.name} does not name its intent")


def same_key_gives_one_effect(harness: Harness, service: Service, cases: Cases) -> None:
    """The same key again changes nothing, over HTTP and, as after a kill, straight at `apply`."""
    for action, case in _examples(service, cases):
        wish = {"args": dict(case.args), "key": "once"}
        first = _act(harness, service, action, case, wish)
        after = case.observe(harness.context(service))
        second = _act(harness, service, action, case, wish)
        demand(second["result"] == first["result"], f"{action.name} told another result for the same key")
        demand(bool(second["repeated"]), f"{action.name} did not notice the repeated key")
        context, args = harness.context(service), _typed(action, case.args)
        try:
            context = replace(context, prior=action.inspect(context, args) if action.inspect else None)
        except NotFound:
            # Its own effect took the target away: whoever asks again hears that there is nothing to do.
            continue
        direct = action.apply(context, "straight", args)
        again = action.apply(context, "straight", args)
        demand(again == direct, f"apply of {action.name} is not idempotent under its key")
        demand(case.observe(harness.context(service)) == after, f"{action.name} had a second effect")


def undo_restores(harness: Harness, service: Service, cases: Cases) -> None:
    """What can be undone is, after its undo, as it was; the example has to change something to show it."""
    for action, case in _examples(service, cases):
        if action.undo is None:
            continue
        before = case.observe(harness.context(service))
        _act(harness, service, action, case, {"args": dict(case.args), "key": "undone"})
        changed = case.observe(harness.context(service))
        demand(changed != before, f"the example of {action.name} changes nothing, so its undo cannot be seen")
        answer = harness.call(
            "POST", f"{action_path(service, action)}/undo", case.also | {action.permission}, {"key": "undone"}
        )
        demand(answer.status == 200, f"the undo of {action.name} answered {answer.status}: {answer.body}")
        restored = case.observe(harness.context(service))
        demand(restored == before, f"the undo of {action.name} left {restored!r} instead of {before!r}")


def knobs_keep_their_bounds(harness: Harness, service: Service, _cases: Cases) -> None:
    """A knob stands inside its range at its default, refuses what is outside, and keeps what it is given."""
    for knob in service.knobs:
        path, grant = f"/api/{service.name}/knobs/{knob.name}", frozenset({knob.permission})
        stands = harness.call("GET", path, grant).body["value"]
        demand(stands == knob.default, f"the knob {knob.name} stands at {stands}, not at its default {knob.default}")
        demand(knob.low <= stands <= knob.high, f"the default of {knob.name} is outside its range")
        beyond = harness.call("PUT", path, grant, {"value": knob.high + knob.step})
        demand(beyond.status == 400, f"the knob {knob.name} answered {beyond.status} beyond its range")
        aim = stands + knob.step if stands + knob.step <= knob.high else stands - knob.step
        turned = harness.call("PUT", path, grant, {"value": aim})
        demand(turned.status == 200, f"the knob {knob.name} answered {turned.status}: {turned.body}")
        demand(knob.read(harness.context(service)) == aim, f"the knob {knob.name} did not turn to {aim}")
        demand(any(e.type == "knob.turned" for e in harness.journal()), f"turning {knob.name} is not in the journal")


def signals_are_exposed(harness: Harness, service: Service, _cases: Cases) -> None:
    """Every declared signal is in /metrics with its type and help, and measuring does not fail."""
    text = str(harness.call("GET", "/metrics", frozenset({"platform.metrics.read"})).body)
    for signal in service.signals:
        demand(f"# TYPE {signal.name} {signal.kind}\n" in text, f"the signal {signal.name} is not in /metrics")
        demand(f"# HELP {signal.name} " in text, f"the signal {signal.name} has no help in /metrics")
        is_total = signal.name.endswith("_total")
        demand(
            is_total == (signal.kind is SignalKind.COUNTER), f"{signal.name}: counters, and only they, end in _total"
        )
    failures = f'steersman_measure_failures_total{{service="{service.name}"}}'
    demand(f"{failures} 0.0" in text, f"measuring the service {service.name} fails")


def invariants_can_fail(harness: Harness, service: Service, cases: Cases) -> None:
    """Every invariant holds now, and does not once its case broke it."""
    for invariant in service.invariants:
        demand(invariant.name in cases.breaks, f"the invariant {invariant.name} has no case that makes it fail")
        found = _violation(harness, service, invariant)
        demand(found is None, f"the invariant {invariant.name} does not hold: {found}")
        cases.breaks[invariant.name](harness, harness.context(service))
        demand(bool(_violation(harness, service, invariant)), f"the invariant {invariant.name} did not notice its case")


def everything_resolves(harness: Harness, service: Service, _cases: Cases) -> None:
    """Every command can be imported and every page can be shown; the jobs run already, in the harness."""
    for command in service.commands:
        try:
            target = harness.load(command.target)
        except (ImportError, AttributeError) as error:
            raise NonConformance(f"the command {command.name} does not resolve: {error}") from error
        demand(callable(target), f"the command {command.name} is not a function")
    for page in service.pages:
        answer = harness.call("GET", page.path, frozenset({page.permission}))
        demand(answer.status == 200, f"the page {page.path} answered {answer.status}: {answer.body}")


CHECKS: tuple[Check, ...] = (
    permissions_are_asked_for,
    permissions_are_well_named,
    permissions_are_used,
    persons_are_declared,
    tenants_are_kept_apart,
    previews_change_nothing,
    actions_are_journalled,
    same_key_gives_one_effect,
    undo_restores,
    knobs_keep_their_bounds,
    signals_are_exposed,
    invariants_can_fail,
    everything_resolves,
)


#: Those that read what is declared and ask no platform, so that none has to be started for them.
OF_DECLARATIONS: tuple[Check, ...] = (permissions_are_well_named, permissions_are_used, persons_are_declared)


def _examples(service: Service, cases: Cases) -> Iterator[tuple[Action, ActionCase]]:
    for action in service.actions:
        demand(action.name in cases.actions, f"the action {action.name} has no example")
        yield action, cases.actions[action.name]


def _act(harness: Harness, service: Service, action: Action, case: ActionCase, wish: Mapping[str, Any]) -> Any:
    answer = harness.call("POST", action_path(service, action), case.also | {action.permission}, wish)
    demand(answer.status == 200, f"{action.name} answered {answer.status}: {answer.body}")
    return answer.body


def _typed(action: Action, args: Mapping[str, Any]) -> Any:
    """Build the arguments as the platform does it; the examples are valid, so the plain constructor will do."""
    return action.args(**args)


def _violation(harness: Harness, service: Service, invariant: Invariant) -> str | None:
    return invariant.check(harness.context(service))
