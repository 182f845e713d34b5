"""The order in which services start: each after what it needs. Says which circle there is when there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class Circle(ValueError):
    """Services that need each other in a circle, which `names` lists."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"these services depend on each other in a circle: {' -> '.join(names)}")
        self.names = tuple(names)


def start_order(needs: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the names so that each comes after what it needs, otherwise in the order given.

    Raises `Circle`. A need that is no key is left out.
    """
    ordered: list[str] = []
    path: list[str] = []

    def visit(name: str) -> None:
        if name in ordered:
            return
        if name in path:
            raise Circle([*path[path.index(name) :], name])
        path.append(name)
        for needed in needs[name]:
            if needed in needs:
                visit(needed)
        path.pop()
        ordered.append(name)

    for name in needs:
        visit(name)
    return tuple(ordered)
