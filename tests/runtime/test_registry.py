"""Plug-ins are found, checked against each other and put in order; a complaint names the distribution."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from steersman.contract.service import Knob, Page, RawRoute, Route, Service, Signal, SignalKind
from steersman.model.errors import Permanent
from steersman.runtime.registry import Found, arrange, discover


class Water: ...


class Power: ...


class Steam: ...


def service(name: str, **parts: Any) -> Service:
    return Service(name=name, help="", **parts)


def named(*services: Service) -> list[Found]:
    return [Found(one, f"{one.name}-plugin 1.0") for one in services]


def route(path: str, permission: str = "a.b.c") -> Route:
    return Route(method="GET", path=path, handler=print, permission=permission, summary="")


def signal(name: str) -> Signal:
    return Signal(name=name, kind=SignalKind.GAUGE, help="")


KNOB = Knob(
    name="k",
    help="",
    default=0,
    low=0,
    high=1,
    step=1,
    cooldown_seconds=0,
    guard="load",
    permission="a.b.c",
    read=id,
    write=print,
)
GRANTS = {"a.b.c": "Everything."}


def test_services_start_after_what_they_require() -> None:
    """Requirements come first, otherwise the order is by name."""
    parts = named(
        service("a", requires=(Power,)),
        service("b", provides=(Water,)),
        service("c", requires=(Water, Steam), provides=(Power,)),
    )
    assert [one.name for one in arrange(parts, house_provides={Steam})] == ["b", "c", "a"]


@pytest.mark.parametrize(
    ("services", "complaint"),
    [
        ([service("a"), service("a")], "the service a is already taken by a-plugin 1.0"),
        ([service("a", signals=(signal("x"), signal("x")))], "the signal x is declared 2 times"),
        (
            [service("a", signals=(signal("x"),)), service("b", signals=(signal("x"),))],
            "the signal x is already taken by a-plugin",
        ),
        (
            [service("a", requires=(Water,))],
            "a-plugin 1.0: the service a requires Water, which no installed service provides",
        ),
        (
            [service("a", requires=(Water,), provides=(Power,)), service("b", requires=(Power,), provides=(Water,))],
            "in a circle: a \\(a-plugin 1.0\\), b \\(b-plugin 1.0\\)",
        ),
        (
            [service("a", prefixes=("/api/a",)), service("b", prefixes=("/api/a/b",))],
            "/api/a/b lies under /api/a of a-plugin",
        ),
        ([service("a", prefixes=("/api/a",)), service("b", prefixes=("/api/a",))], "lies under /api/a of"),
        ([service("a", prefixes=("/metrics",))], "the prefix /metrics belongs to the house"),
        ([service("a", prefixes=("/static/a",))], "belongs to the house"),
        ([service("a", routes=(route("/api/a"),), permissions=GRANTS)], "GET /api/a is outside the prefixes"),
        ([service("a", prefixes=("/api/a",), routes=(route("/api/ab"),), permissions=GRANTS)], "outside the prefixes"),
        (
            [service("a", prefixes=("/api/a",), routes=(route("/api/a"),))],
            "the permission a.b.c is used but not declared",
        ),
        ([service("a", knobs=(KNOB,), permissions=GRANTS)], "guarded by the unknown signal load"),
        (
            [
                service(
                    "a",
                    prefixes=("/a",),
                    permissions=GRANTS,
                    routes=(Route(method="POST", path="/a", handler=print, permission="a.b.c", summary=""),),
                    raw_routes=(
                        RawRoute(methods=frozenset({"GET"}), path="/a", handler=print, permission="a.b.c", summary=""),
                    ),
                )
            ],
            "/a is a hot path",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name(services: list[Service], complaint: str) -> None:
    """A person who installed a bad plug-in reads which one it was."""
    with pytest.raises(Permanent, match=complaint):
        arrange(named(*services))


def test_the_front_page_needs_no_prefix() -> None:
    """Whoever declares it has it, and nobody else can; nobody may claim everything."""
    page = Page(path="/", title="", title_zh="", template="x", view=lambda _context: {}, permission="a.b.c")
    front = service("a", pages=(page,), permissions=GRANTS)
    assert arrange(named(front, service("b", prefixes=("/api/b",))))[0] is front
    with pytest.raises(Permanent, match="address GET / is already taken by a-plugin"):
        arrange(named(front, service("b", pages=(page,))))
    with pytest.raises(Permanent, match="belongs to the house"):
        arrange(named(service("a", prefixes=("/",))))


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("steersman.nowhere:SERVICE", "steersman.nowhere:SERVICE does not load"),
        ("steersman.runtime.registry:MISSING", "does not load"),
        ("steersman.runtime.registry:GROUP", "is str, not a Service"),
    ],
)
def test_an_entry_point_that_leads_nowhere_is_refused(value: str, complaint: str) -> None:
    """An import error of a plug-in is its own, not a traceback of ours."""
    with pytest.raises(Permanent, match=complaint):
        discover([EntryPoint("x", value, "steersman.services")])


def test_a_service_is_found_by_its_entry_point() -> None:
    """What an entry point names is what runs."""
    found = discover([EntryPoint("platform", "steersman.services.platform.manifest:SERVICE", "steersman.services")])
    assert [one.name for one in found] == ["platform"]
