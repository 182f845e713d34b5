"""What two different people have to want, and who counts as one of them. It writes nothing down.

A person has signed in themselves and may do the thing at this moment, as the database has it: an account that was
disabled, or lost a role or a group, has no say any more. Programs, keys, clients of third parties and the loop are no
people, and somebody is one person however many sessions they have. Nor are two accounts two people for a day after one
of them let the other in or set its password: they may be one pair of hands, and a day is time to notice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from sqlalchemy import and_, or_, select

from steersman.contract.ports import Caller, Ports
from steersman.contract.requirements import TwoPeople
from steersman.contract.service import Action, Route, Service
from steersman.model.errors import Conflict, Forbidden, Permanent
from steersman.runtime.actions.waiting import Approval, Wanted
from steersman.runtime.database.journal import journal
from steersman.runtime.identity import accounts
from steersman.runtime.identity.authority import may_still
from steersman.runtime.identity.identity import Identity

if TYPE_CHECKING:
    from sqlalchemy import Connection


#: What gives somebody a way into an account.
_WAYS_IN = ("identity.account.added", "identity.account.invited", "identity.password.changed")
_APART_NS = 24 * 3600 * 1_000_000_000


class AnotherHasToAgree(Conflict):
    """The wish is written down, and another person has to agree."""


class NotAgreed(Forbidden):
    """It was not two people who wanted this, or one of them may not do it any more."""


def names_any(patterns: Sequence[str], *names: str) -> bool:
    """Tell whether a pattern such as `runbooks.run_*` names one of these."""
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def operation_of(service: Service, route: Route) -> str:
    """Return the name of an operation, as the OpenAPI document has it."""
    return f"{service.name}.{route.handler.__name__}"


def two_people(route: Route) -> TwoPeople | None:
    """Return what a route declares about this."""
    return next((one for one in route.demands if isinstance(one, TwoPeople)), None)


def check_patterns(patterns: Sequence[str], services: Sequence[Service]) -> None:
    """Raise `Permanent` for a pattern that names nothing: a slip of the pen must not leave a door open."""
    known = {name for service in services for name in _askable(service)}
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            raise Permanent(
                f"house.four_eyes: {pattern!r} names no action, and no operation that offers to ask two people; "
                f"there are {', '.join(sorted(known)) or 'none'}"
            )


def _askable(service: Service) -> Iterator[str]:
    for action in service.actions:
        yield from (f"{service.name}.{action.name}", action.permission)
    for route in service.routes:
        if two_people(route) is not None:
            yield from (operation_of(service, route), route.permission)


def asks(action: Action, subject: str, patterns: Sequence[str]) -> bool:
    """Tell whether an action is for two people: by its declaration, or because the owner names it."""
    return action.four_eyes or names_any(patterns, subject, action.permission)


def asks_route(service: Service, route: Route, patterns: Sequence[str]) -> bool:
    """Tell the same of an operation."""
    declared = two_people(route)
    named = names_any(patterns, operation_of(service, route), route.permission)
    return declared is not None and (declared.always or named)


def demand_person(ports: Ports, connection: Connection, wanted: Wanted, caller: Caller) -> None:
    """Raise `NotAgreed` for whoever is no person or may not do it now."""
    if caller.key or not caller.session or not stands(ports, connection, caller.account, wanted):
        raise NotAgreed(
            f"{wanted.operation} asks for two people who signed in and may do it; a program, a key or the loop is none"
        )


def stands(ports: Ports, connection: Connection, account: str, wanted: Wanted) -> bool:
    """Ask the database, not the token, whether a person may do this now."""
    identity = ports.provided.get(Identity)
    if identity is None:
        return False
    standing = identity.standing
    allowed = all(may_still(connection, account, one, standing) for one in wanted.permissions)
    if not allowed or not wanted.roles:
        return allowed
    # Whoever may do everything needs no role, as at the door.
    return may_still(connection, account, "*", standing) or set(wanted.roles) <= set(
        accounts.roles_of(connection, account)
    )


def demand_apart(ports: Ports, connection: Connection, one: str, other: str) -> None:
    """Raise `NotAgreed` while one of two accounts has lately given the other its way in."""
    lately = (journal.c.time_ns >= ports.clock.wall_ns() - _APART_NS) & journal.c.type.in_(_WAYS_IN)
    way_in = or_(
        and_(journal.c.subject == one, journal.c.actor == other),
        and_(journal.c.subject == other, journal.c.actor == one),
    )
    if connection.execute(select(journal.c.seq).where(lately, way_in).limit(1)).first() is not None:
        raise NotAgreed("one of the two has let the other in within a day, or set their password: ask a third person")


def demand_both(ports: Ports, connection: Connection, approval: Approval) -> None:
    """Raise `NotAgreed` unless two different people said yes, who both may still."""
    people = approval.people
    if len(set(people)) < 2:
        raise NotAgreed(f"{approval.wanted.operation} asks for two people, and one of them is missing")
    if not all(stands(ports, connection, one, approval.wanted) for one in people):
        raise NotAgreed(f"one of the two who agreed to {approval.wanted.operation} may not do it any more")
