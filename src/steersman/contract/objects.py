"""Nobody reaches another tenant's object by its id: the part of the conformance kit that asks for each of them.

Every address that takes an id has to have a case that makes such an object, so that a new one is asked about on the day
it is written. Somebody of another tenant, who may do all that people of tenants may, then names it everywhere that it
can be named. What they hear has to be what they hear about an id that nobody has; what is the installation's is refused
before it matters whether it is there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from steersman.contract.harness import Answer, Harness, NonConformance, addresses, demand
from steersman.contract.ports import Context
from steersman.contract.service import Permission, Service

#: Makes a request as the owner: method, address and body.
Ask = Callable[[str, str, Any], Answer]

EVERYTHING = frozenset({"*"})
OWNER, STRANGER = "owner", "elsewhere"
_PARAMETER = re.compile(r"\{[^}]*\}")
_CHANGED_SIGNS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectCase:
    """How to make one object of a kind, and where it is spoken of. `{}` stands for its id.

    `make(ask, context)` makes a new one each time and returns its id. `ask` is somebody of a tenant who may do all that
    such people may; for what is the installation's own, somebody who may do everything. `shown` are addresses that tell
    its owner of it. `bodies` are what changes take, by method and template. `named` are further requests that name it
    in their query or body. `absent` is an id of the same form that nobody has, where a changed one would not do.
    """

    make: Callable[[Ask, Context], str]
    shown: tuple[str, ...]
    bodies: Mapping[str, Any] = field(default_factory=dict)
    named: tuple[tuple[str, str, Any], ...] = ()
    absent: str = ""


@dataclass(frozen=True, slots=True)
class _Naming:
    """One request that names an object; `{}` stands for the id."""

    method: str
    address: str
    body: Any
    permission: Permission


def check_objects(harness: Harness, service: Service, cases: Mapping[str, ObjectCase]) -> None:
    """Raise `NonConformance` for an address without a case, and for whatever another tenant can tell or change."""
    taking = list(_taking_ids(service))
    for one in taking:
        demand(_is_covered(one, cases), _what_to_do(service, one))
    for kind, case in cases.items():
        mine = [one for one in taking if one.ids == 1 and _kind_of(one.template, cases) == kind]
        demand(bool(mine or case.named), f"no address of {service.name} takes an id at {kind}: correct it in objects")
        demand(bool(case.shown), f"the case {kind} of {service.name} shows its object nowhere: it may not be there")
        for naming in (*_in_paths(mine, case), *_elsewhere(service, case)):
            _ask_for_one(harness, service, case, naming)


def neighbour(id: str) -> str:
    """Return an id of the same form, so near that only a comparison tells them apart."""
    head, tail = id[:-_CHANGED_SIGNS], id[-_CHANGED_SIGNS:]
    return head + "".join(_next(sign) for sign in tail)


def _next(sign: str) -> str:
    """Return another digit for a digit, and another hexadecimal letter for one of these."""
    for signs in ("0123456789", "abcdef", "ghijklmnopqrstuvwxyz"):
        if sign in signs:
            return signs[(signs.index(sign) + 1) % len(signs)]
    return sign


@dataclass(frozen=True, slots=True)
class _Taking:
    """An address with the ids of objects in its path."""

    method: str
    template: str
    permission: Permission

    @property
    def ids(self) -> int:
        return len(_PARAMETER.findall(self.template))


def _taking_ids(service: Service) -> Iterator[_Taking]:
    for route in service.routes:
        if _PARAMETER.search(route.path):
            yield _Taking(route.method, route.path, route.permission)
    for raw in service.raw_routes:
        for method in sorted(raw.methods) if _PARAMETER.search(raw.path) else ():
            yield _Taking(method, raw.path, raw.permission)


def _is_covered(one: _Taking, cases: Mapping[str, ObjectCase]) -> bool:
    """Tell whether a case asks at this address: by its kind, or, where it takes several ids, by a whole request."""
    if one.ids == 1:
        return _kind_of(one.template, cases) is not None
    named = [(method, address) for case in cases.values() for method, address, _ in case.named]
    return any(method == one.method and _fits(one.template, address) for method, address in named)


def _fits(template: str, address: str) -> bool:
    parts, given = template.split("/"), address.partition("?")[0].split("/")
    pairs = zip(parts, given, strict=False)
    return len(parts) == len(given) and all(_PARAMETER.fullmatch(part) or part == one for part, one in pairs)


def _kind_of(template: str, cases: Mapping[str, ObjectCase]) -> str | None:
    covering = [kind for kind in cases if template == kind or template.startswith(f"{kind}/")]
    return max(covering, key=len, default=None)


def _what_to_do(service: Service, one: _Taking) -> str:
    if one.ids > 1:
        return (
            f"{one.method} {one.template} takes several ids, and nothing shows that other tenants do not reach what "
            f"they name. Give it to `named` of a case of {service.name}, with {{}} for one id, the others filled in"
        )
    kind = one.template[: one.template.index("}") + 1]
    return (
        f"{one.method} {one.template} takes the id of an object, and nothing shows that other tenants do not reach it. "
        f"Give the cases of {service.name} an example: objects={{{kind!r}: ObjectCase(make=..., shown=(...,))}}, where "
        "make(ask, context) makes one and returns its id, and shown are addresses that tell its owner of it"
    )


def _in_paths(taking: list[_Taking], case: ObjectCase) -> Iterator[_Naming]:
    for one in taking:
        body = case.bodies.get(f"{one.method} {one.template}")
        yield _Naming(one.method, _PARAMETER.sub("{}", one.template), body, one.permission)


def _elsewhere(service: Service, case: ObjectCase) -> Iterator[_Naming]:
    templates = {(one.method, one.template): one.permission for one in _taking_ids(service)}
    permissions = {**templates, **{(method, path): permission for method, path, permission in addresses(service)}}
    for method, address, body in case.named:
        found = [p for (asked, path), p in permissions.items() if asked == method and _fits(path, address)]
        demand(bool(found), f"{service.name} answers nothing at {method} {address}: correct it in objects")
        yield _Naming(method, address, body, found[0])


def _ask_for_one(harness: Harness, service: Service, case: ObjectCase, naming: _Naming) -> None:
    """Make one, let a stranger name it, and then its owner, so that it was there and the request was a right one."""
    closed = naming.permission not in service.tenanted
    owner, stranger = _owner(harness, closed=closed), _stranger(harness)
    made = case.make(owner, harness.context(service))
    absent, said = case.absent or neighbour(made), f"{naming.method} {naming.address}"
    before = [_told(owner, address, made) for address in case.shown]
    for address in case.shown:
        silent = stranger("GET", address.replace("{}", made), None)
        demand(_hides(silent, address, made), f"GET {address} tells another tenant: {silent}")
    real, none = (stranger(naming.method, *_about(naming, one)) for one in (made, absent))
    demand(not closed or real.status == 403, f"{said} answered {real.status} to another tenant")
    demand(_alike(real, made, none, absent), f"{said} tells whether the object is there: {real} instead of {none}")
    after = [_told(owner, address, made) for address in case.shown]
    demand(after == before, f"{said} by another tenant changed {before} into {after}")
    if not closed:
        answer = owner(naming.method, *_about(naming, made))
        right = answer.status < 300 or answer.status != none.status
        demand(right, f"{said} is refused to its owner as well, which shows nothing: {answer}")


def _owner(harness: Harness, *, closed: bool) -> Ask:
    def ask(method: str, address: str, body: Any = None) -> Answer:
        if closed:
            return harness.call(method, address, EVERYTHING, body)
        return harness.call_in_tenant(method, address, EVERYTHING, body, tenant=OWNER)

    return ask


def _stranger(harness: Harness) -> Ask:
    return lambda method, address, body: harness.call_in_tenant(method, address, EVERYTHING, body, tenant=STRANGER)


def _about(naming: _Naming, id: str) -> tuple[str, Any]:
    return naming.address.replace("{}", id), _with(naming.body, id)


def _with(body: Any, id: str) -> Any:
    """Return a body with an id in every place that is kept for it."""
    match body:
        case str():
            return body.replace("{}", id)
        case list():
            return [_with(one, id) for one in body]
        case dict():
            return {key: _with(one, id) for key, one in body.items()}
    return body


def _told(owner: Ask, address: str, made: str) -> list[Any]:
    """Return what an address tells its owner about an object, without what else it tells."""
    answer = owner("GET", address.replace("{}", made), None)
    if answer.status >= 300 or made not in str(answer.body):
        raise NonConformance(f"GET {address} does not tell its owner of {made}, so that it shows nothing: {answer}")
    return list(_about_it(answer.body, made))


def _about_it(value: Any, id: str) -> Iterator[Any]:
    """Yield the objects of an answer that name it, each whole."""
    inside: list[Any] = []
    if isinstance(value, dict):
        inside = [*value, *value.values()]
    elif isinstance(value, list):
        inside = value
    if not inside or any(id in str(one) for one in inside if not isinstance(one, dict | list)):
        if id in str(value):
            yield value
        return
    for one in inside:
        yield from _about_it(one, id)


def _hides(told: Answer, address: str, made: str) -> bool:
    """Tell whether an answer is silent; an address that names the object may be repeated in a refusal."""
    return made not in str(told.body) or told.status == 403 or ("{}" in address and told.status == 404)


def _alike(real: Answer, made: str, none: Answer, absent: str) -> bool:
    """Tell whether two answers are the same but for the id; of what somebody made anew, whether the form is."""
    if real.status != none.status:
        return False
    if real.status < 300:
        return bool(_form(real.body) == _form(none.body))
    return str(real.body).replace(made, "{}") == str(none.body).replace(absent, "{}")


def _form(value: Any) -> Any:
    match value:
        case dict():
            return {key: _form(one) for key, one in value.items()}
        case list():
            return sorted({repr(_form(one)) for one in value})
    return type(value).__name__
