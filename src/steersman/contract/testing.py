"""The conformance kit: what every service has to keep, checked from outside for ours and a third party's alike.

It imports no runtime and no test framework. Whoever runs it brings a harness, which runs the platform with the
service in it, and the service's cases: an example of every action and a way to break every invariant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from steersman.contract.looking import Refused, looking
from steersman.contract.ports import Context, JournalEntry
from steersman.contract.requirements import RequirePermission
from steersman.contract.service import Action, Invariant, Service, SignalKind
from steersman.model.errors import NotFound


class NonConformance(AssertionError):
    """The service does not keep what its declaration promises."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; `body` is parsed JSON where it was JSON, text otherwise."""

    status: int
    body: Any


class Harness(Protocol):
    """A running platform with the service in it, made afresh for each check."""

    def call(self, method: str, path: str, permissions: frozenset[str] | None, body: Any = None) -> Answer:
        """Make one request. `permissions` are what the caller was granted; None is somebody without a key."""

    def call_in_tenant(self, method: str, path: str, permissions: frozenset[str]) -> Answer:
        """Make one request as somebody of another tenant, who holds what of these permissions such people can hold."""

    def context(self, service: Service) -> Context:
        """Return the context of a caller who may do everything."""

    def journal(self) -> Sequence[JournalEntry]: ...

    def load(self, target: str) -> Any:
        """Import `module:name`."""


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
    """

    actions: Mapping[str, ActionCase] = field(default_factory=dict)
    breaks: Mapping[str, Callable[[Harness, Context], None]] = field(default_factory=dict)
    settings: Callable[[], Mapping[str, Any]] = dict
    prepare: Callable[[Context], None] = lambda _context: None


Check = Callable[[Harness, Service, Cases], None]


def permissions_are_asked_for(harness: Harness, service: Service, _cases: Cases) -> None:
    """Every address answers 401 without a key, and 403 with every permission but its own."""
    for method, path, permission in _addresses(service):
        stranger = harness.call(method, path, None)
        _demand(stranger.status == 401, f"{method} {path} answered {stranger.status} to somebody without a key")
        others = frozenset(service.permissions) - {permission}
        denied = harness.call(method, path, others)
        _demand(denied.status == 403, f"{method} {path} answered {denied.status} without {permission}")
        _demand(permission in str(denied.body), f"{method} {path} does not name the permission that it needs")


def permissions_are_well_named(_harness: Harness, service: Service, _cases: Cases) -> None:
    """Every permission is `service.thing.verb` and says in words what it grants."""
    for permission, words in service.permissions.items():
        parts = permission.split(".")
        _demand(len(parts) == 3 and all(parts), f"the permission {permission} is not service.thing.verb")
        _demand(parts[0] == service.name, f"the permission {permission} does not begin with {service.name}")
        _demand(bool(words.strip()), f"the permission {permission} does not say what it grants")


def permissions_are_used(_harness: Harness, service: Service, _cases: Cases) -> None:
    """A declared permission decides about something: an address asks for it, or the service says where else it does."""
    asked = {permission for _, _, permission in _addresses(service)} | service.used_within
    asked |= {one.permission for route in service.routes for one in route.demands if isinstance(one, RequirePermission)}
    asked |= {command.permission for command in service.commands}
    for permission in sorted(frozenset(service.permissions) - asked):
        raise NonConformance(f"nothing asks for the permission {permission}: whoever is granted it has nothing")
    for name, kept in (("tenanted", service.tenanted), ("used_within", service.used_within)):
        unknown = sorted(kept - frozenset(service.permissions))
        _demand(not unknown, f"{name} of {service.name} names {unknown}, which it does not declare")


def tenants_are_kept_apart(harness: Harness, service: Service, _cases: Cases) -> None:
    """In another tenant nobody holds what is not declared for tenants, and with it alone no other address opens."""
    for method, path, permission in _addresses(service):
        answer = harness.call_in_tenant(method, path, frozenset({permission}))
        if permission in service.tenanted:
            _demand(answer.status not in {401, 403}, f"{method} {path} is closed to other tenants: {answer.status}")
        else:
            _demand(answer.status == 403, f"{method} {path} answered {answer.status} to another tenant")
        _demand(harness.call_in_tenant(method, path, frozenset()).status == 403, f"{method} {path} needs no grant")


def previews_change_nothing(harness: Harness, service: Service, cases: Cases) -> None:
    """A dry run says what would happen, changes nothing, and needs nothing that could: it gets ports that only look."""
    for action, case in _examples(service, cases):
        before = case.observe(harness.context(service))
        written = len(harness.journal())
        answer = _act(harness, service, action, case, {"args": dict(case.args), "dry_run": True})
        shown = answer["preview"]
        _demand(bool(shown["summary"] and shown["undo"]), f"the preview of {action.name} says too little")
        _demand(case.observe(harness.context(service)) == before, f"the preview of {action.name} changes something")
        _demand(len(harness.journal()) == written, f"the preview of {action.name} writes to the journal")
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
        _demand(kinds == ["action.requested", "action.applied"], f"{action.name} left {kinds} in the journal")
        _demand(entries[1].cause == entries[0].id, f"the outcome of {action.name} does not name its intent")


def same_key_gives_one_effect(harness: Harness, service: Service, cases: Cases) -> None:
    """The same key again changes nothing, over HTTP and, as after a kill, straight at `apply`."""
    for action, case in _examples(service, cases):
        wish = {"args": dict(case.args), "key": "once"}
        first = _act(harness, service, action, case, wish)
        after = case.observe(harness.context(service))
        second = _act(harness, service, action, case, wish)
        _demand(second["result"] == first["result"], f"{action.name} told another result for the same key")
        _demand(bool(second["repeated"]), f"{action.name} did not notice the repeated key")
        context, args = harness.context(service), _typed(action, case.args)
        try:
            context = replace(context, prior=action.inspect(context, args) if action.inspect else None)
        except NotFound:
            # Its own effect took the target away: whoever asks again hears that there is nothing to do.
            continue
        direct = action.apply(context, "straight", args)
        again = action.apply(context, "straight", args)
        _demand(again == direct, f"apply of {action.name} is not idempotent under its key")
        _demand(case.observe(harness.context(service)) == after, f"{action.name} had a second effect")


def undo_restores(harness: Harness, service: Service, cases: Cases) -> None:
    """What can be undone is, after its undo, as it was; the example has to change something to show it."""
    for action, case in _examples(service, cases):
        if action.undo is None:
            continue
        before = case.observe(harness.context(service))
        _act(harness, service, action, case, {"args": dict(case.args), "key": "undone"})
        changed = case.observe(harness.context(service))
        _demand(changed != before, f"the example of {action.name} changes nothing, so its undo cannot be seen")
        answer = harness.call(
            "POST", f"{_path(service, action)}/undo", case.also | {action.permission}, {"key": "undone"}
        )
        _demand(answer.status == 200, f"the undo of {action.name} answered {answer.status}: {answer.body}")
        restored = case.observe(harness.context(service))
        _demand(restored == before, f"the undo of {action.name} left {restored!r} instead of {before!r}")


def knobs_keep_their_bounds(harness: Harness, service: Service, _cases: Cases) -> None:
    """A knob stands inside its range at its default, refuses what is outside, and keeps what it is given."""
    for knob in service.knobs:
        path, grant = f"/api/{service.name}/knobs/{knob.name}", frozenset({knob.permission})
        stands = harness.call("GET", path, grant).body["value"]
        _demand(stands == knob.default, f"the knob {knob.name} stands at {stands}, not at its default {knob.default}")
        _demand(knob.low <= stands <= knob.high, f"the default of {knob.name} is outside its range")
        beyond = harness.call("PUT", path, grant, {"value": knob.high + knob.step})
        _demand(beyond.status == 400, f"the knob {knob.name} answered {beyond.status} beyond its range")
        aim = stands + knob.step if stands + knob.step <= knob.high else stands - knob.step
        turned = harness.call("PUT", path, grant, {"value": aim})
        _demand(turned.status == 200, f"the knob {knob.name} answered {turned.status}: {turned.body}")
        _demand(knob.read(harness.context(service)) == aim, f"the knob {knob.name} did not turn to {aim}")
        _demand(any(e.type == "knob.turned" for e in harness.journal()), f"turning {knob.name} is not in the journal")


def signals_are_exposed(harness: Harness, service: Service, _cases: Cases) -> None:
    """Every declared signal is in /metrics with its type and help, and measuring does not fail."""
    text = str(harness.call("GET", "/metrics", frozenset({"platform.metrics.read"})).body)
    for signal in service.signals:
        _demand(f"# TYPE {signal.name} {signal.kind}\n" in text, f"the signal {signal.name} is not in /metrics")
        _demand(f"# HELP {signal.name} " in text, f"the signal {signal.name} has no help in /metrics")
        is_total = signal.name.endswith("_total")
        _demand(
            is_total == (signal.kind is SignalKind.COUNTER), f"{signal.name}: counters, and only they, end in _total"
        )
    failures = f'steersman_measure_failures_total{{service="{service.name}"}}'
    _demand(f"{failures} 0.0" in text, f"measuring the service {service.name} fails")


def invariants_can_fail(harness: Harness, service: Service, cases: Cases) -> None:
    """Every invariant holds now, and does not once its case broke it."""
    for invariant in service.invariants:
        _demand(invariant.name in cases.breaks, f"the invariant {invariant.name} has no case that makes it fail")
        found = _violation(harness, service, invariant)
        _demand(found is None, f"the invariant {invariant.name} does not hold: {found}")
        cases.breaks[invariant.name](harness, harness.context(service))
        _demand(
            bool(_violation(harness, service, invariant)), f"the invariant {invariant.name} did not notice its case"
        )


def everything_resolves(harness: Harness, service: Service, _cases: Cases) -> None:
    """Every command can be imported and every page can be shown; the jobs run already, in the harness."""
    for command in service.commands:
        try:
            target = harness.load(command.target)
        except (ImportError, AttributeError) as error:
            raise NonConformance(f"the command {command.name} does not resolve: {error}") from error
        _demand(callable(target), f"the command {command.name} is not a function")
    for page in service.pages:
        answer = harness.call("GET", page.path, frozenset({page.permission}))
        _demand(answer.status == 200, f"the page {page.path} answered {answer.status}: {answer.body}")


CHECKS: tuple[Check, ...] = (
    permissions_are_asked_for,
    permissions_are_well_named,
    permissions_are_used,
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


def _demand(kept: bool, otherwise: str) -> None:  # noqa: FBT001 - it reads as a sentence
    if not kept:
        raise NonConformance(otherwise)


def _addresses(service: Service) -> Iterator[tuple[str, str, str]]:
    """Yield method, path and permission of everything that can be called; a path parameter becomes `x`."""
    for route in service.routes:
        yield route.method, _filled(route.path), route.permission
    for raw in service.raw_routes:
        for method in sorted(raw.methods):
            yield method, _filled(raw.path), raw.permission
    for page in service.pages:
        yield "GET", page.path, page.permission
    for action in service.actions:
        yield "POST", _path(service, action), action.permission
        if action.undo or action.compensate:
            yield "POST", f"{_path(service, action)}/undo", action.permission
    for knob in service.knobs:
        for method in ("GET", "PUT"):
            yield method, f"/api/{service.name}/knobs/{knob.name}", knob.permission


def _filled(path: str) -> str:
    return "/".join("x" if part.startswith("{") else part for part in path.split("/"))


def _path(service: Service, action: Action) -> str:
    return f"/api/{service.name}/actions/{action.name}"


def _examples(service: Service, cases: Cases) -> Iterator[tuple[Action, ActionCase]]:
    for action in service.actions:
        _demand(action.name in cases.actions, f"the action {action.name} has no example")
        yield action, cases.actions[action.name]


def _act(harness: Harness, service: Service, action: Action, case: ActionCase, wish: Mapping[str, Any]) -> Any:
    answer = harness.call("POST", _path(service, action), case.also | {action.permission}, wish)
    _demand(answer.status == 200, f"{action.name} answered {answer.status}: {answer.body}")
    return answer.body


def _typed(action: Action, args: Mapping[str, Any]) -> Any:
    """Build the arguments as the platform does it; the examples are valid, so the plain constructor will do."""
    return action.args(**args)


def _violation(harness: Harness, service: Service, invariant: Invariant) -> str | None:
    return invariant.check(harness.context(service))
