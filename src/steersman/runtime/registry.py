"""Finds the services by entry point and puts them in the order in which they start.

A plug-in is checked here, before anything of it runs: two parts that want the same name, the same URL or the
same signal, or that need something nobody provides, are refused with the name of the distribution to blame.
It starts nothing and keeps nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from steersman.contract.aliases import Aliases, alias_table
from steersman.contract.requirements import Requirement, RequirePermission, RequireRole, asked_by
from steersman.contract.service import Handler, Service
from steersman.model.errors import Permanent
from steersman.runtime.identity.roles import standing_roles

GROUP = "steersman.services"

#: Paths that the house itself answers; no service may claim one.
HOUSE_PATHS = ("/healthz", "/readyz", "/metrics", "/login", "/logout", "/auth", "/openapi.json", "/static")


@dataclass(frozen=True, slots=True)
class Found:
    """A service and the distribution that brought it, which every complaint names."""

    service: Service
    distribution: str


def discover(
    points: Iterable[EntryPoint] | None = None, *, house_provides: Collection[type] = ()
) -> tuple[Service, ...]:
    """Return every installed service, checked, in start order; raises `Permanent` with the plug-in's name."""
    points = entry_points(group=GROUP) if points is None else points
    found = [_load(point) for point in sorted(points, key=lambda point: point.name)]
    return arrange(found, house_provides=house_provides)


def arrange(found: Sequence[Found], *, house_provides: Collection[type] = ()) -> tuple[Service, ...]:
    """Check services against each other and sort them so that each starts after what it requires.

    `house_provides` are the types that are there before any service starts.
    """
    _refuse_duplicates(found, "service", lambda service: [service.name])
    _refuse_duplicates(found, "signal", lambda service: [signal.name for signal in service.signals])
    _refuse_duplicates(found, "permission", lambda service: list(service.permissions))
    _refuse_duplicates(found, "address", _addresses)
    _refuse_shared_prefixes(found)
    aliases = alias_table([part.service for part in found])
    declared = {permission for part in found for permission in part.service.permissions}
    signals = {signal.name for part in found for signal in part.service.signals}
    for part in found:
        _check_addresses(part)
        _check_permissions(part)
        _check_requirements(part, declared, aliases)
        _check_signals(part, signals)
    return _start_order(found, house_provides)


def _load(point: EntryPoint) -> Found:
    distribution = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
    try:
        service = point.load()
    except (ImportError, AttributeError, TypeError) as error:
        raise Permanent(f"{distribution}: its service {point.value} does not load: {error}") from error
    if not isinstance(service, Service):
        raise Permanent(f"{distribution}: {point.value} is {type(service).__name__}, not a Service")
    return Found(service, distribution)


def _refuse_duplicates(found: Sequence[Found], thing: str, names: Callable[[Service], list[str]]) -> None:
    owners: dict[str, Found] = {}
    for part in found:
        for name, count in Counter(names(part.service)).items():
            if count > 1:
                raise Permanent(f"{part.distribution}: the {thing} {name} is declared {count} times")
            if other := owners.get(name):
                raise Permanent(f"{part.distribution}: the {thing} {name} is already taken by {other.distribution}")
            owners[name] = part


def _addresses(service: Service) -> list[str]:
    return [
        *(f"{route.method} {route.path}" for route in service.routes),
        *(f"{method} {raw.path}" for raw in service.raw_routes for method in sorted(raw.methods)),
        *(f"GET {page.path}" for page in service.pages),
    ]


def under(path: str, prefix: str) -> bool:
    """Tell whether a path belongs to a prefix."""
    return path == prefix or path.startswith(prefix.rstrip("/") + "/")


def _refuse_shared_prefixes(found: Sequence[Found]) -> None:
    claims = [(prefix, part) for part in found for prefix in part.service.prefixes]
    for prefix, part in claims:
        for house in HOUSE_PATHS:
            if under(prefix, house) or under(house, prefix):
                raise Permanent(f"{part.distribution}: the prefix {prefix} belongs to the house ({house})")
        for other_prefix, other in claims:
            if other is not part and under(prefix, other_prefix):
                raise Permanent(
                    f"{part.distribution}: the prefix {prefix} lies under {other_prefix} of {other.distribution}"
                )


def _check_addresses(part: Found) -> None:
    """The front page is nobody's prefix: it belongs to the one service that declares a page there."""
    service = part.service
    for address in _addresses(service):
        path = address.partition(" ")[2]
        if path != "/" and not any(under(path, prefix) for prefix in service.prefixes):
            raise Permanent(f"{part.distribution}: {address} is outside the prefixes of the service {service.name}")
    hot = {raw.path for raw in service.raw_routes}
    for path in [route.path for route in service.routes] + [page.path for page in service.pages]:
        if path in hot:
            raise Permanent(f"{part.distribution}: {path} is a hot path and cannot be an ordinary route as well")


def _check_permissions(part: Found) -> None:
    for permission in sorted(_permissions_used(part.service)):
        if permission not in part.service.permissions:
            raise Permanent(f"{part.distribution}: the permission {permission} is used but not declared")


def _check_requirements(part: Found, declared: Collection[str], aliases: Aliases) -> None:
    """Refuse a requirement that nobody could meet, or that nobody would ask for: both look safe and are a defect."""
    for route in part.service.routes:
        for one in route.demands:
            if wrong := _wrong_in(one, declared, aliases):
                raise Permanent(f"{part.distribution}: {route.method} {route.path} {wrong}")
    unasked: list[tuple[str, Handler]] = [
        *((raw.path, raw.handler) for raw in part.service.raw_routes),
        *((page.path, page.view) for page in part.service.pages),
    ]
    for path, handler in unasked:
        if asked_by(handler):
            raise Permanent(
                f"{part.distribution}: {path} asks for more than its permission, which only a Route can: "
                "make it a Route, or give it a permission of its own"
            )


def _wrong_in(one: object, declared: Collection[str], aliases: Aliases) -> str:
    """Say what is wrong with a requirement and what to write instead; empty for one that somebody can meet."""
    standing = standing_roles(())
    if not isinstance(one, Requirement):
        return f"requires {one!r}, which is no requirement: write RequireRole(...) or RequirePermission(...)"
    if isinstance(one, RequirePermission) and one.permission in aliases:
        several = ", ".join(sorted(aliases[one.permission]))
        return f"requires the short name {one.permission}: name one of what it stands for, {several}"
    if isinstance(one, RequirePermission) and one.permission not in declared:
        return (
            f"requires the permission {one.permission!r}, which no installed service declares: "
            "correct its name, or declare it in `permissions` of the service"
        )
    if isinstance(one, RequireRole) and one.role not in standing:
        # A role that people make is theirs: the administrator of any tenant could make one of that name.
        return (
            f"requires the role {one.role!r}, which is none of {', '.join(standing)}: "
            "name one of these, or require a permission, which roles of one's own can hold"
        )
    return ""


def _check_signals(part: Found, signals: Collection[str]) -> None:
    """A guard or an expectation may name a signal of another service, but not one that nobody measures."""
    for knob in part.service.knobs:
        if knob.guard not in signals:
            raise Permanent(f"{part.distribution}: knob {knob.name} is guarded by the unknown signal {knob.guard}")
    for action in part.service.actions:
        for expectation in action.expects:
            if expectation.signal not in signals:
                raise Permanent(
                    f"{part.distribution}: action {action.name} expects the unknown signal {expectation.signal}"
                )


def _permissions_used(service: Service) -> set[str]:
    return {
        *(route.permission for route in service.routes),
        *(route.permission for route in service.raw_routes),
        *(page.permission for page in service.pages),
        *(action.permission for action in service.actions),
        *(knob.permission for knob in service.knobs),
        *(command.permission for command in service.commands if command.permission != "local"),
    }


def _start_order(found: Sequence[Found], house_provides: Collection[type]) -> tuple[Service, ...]:
    """Sort by `requires`, otherwise by name."""
    available = set(house_provides)
    promised = available | {kind for part in found for kind in part.service.provides}
    waiting = sorted(found, key=lambda part: part.service.name)
    for part in waiting:
        for kind in part.service.requires:
            if kind not in promised:
                raise Permanent(
                    f"{part.distribution}: the service {part.service.name} requires {kind.__qualname__}, "
                    "which no installed service provides"
                )
    ordered: list[Service] = []
    while waiting:
        able = next((part for part in waiting if available.issuperset(part.service.requires)), None)
        if able is None:
            names = ", ".join(f"{part.service.name} ({part.distribution})" for part in waiting)
            raise Permanent(f"these services require each other in a circle: {names}")
        ordered.append(able.service)
        available.update(able.service.provides)
        waiting.remove(able)
    return tuple(ordered)
