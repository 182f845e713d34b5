"""Finds the handler of a hot path: by one dictionary look-up, or by pattern where the path has a variable part."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from starlette.routing import compile_path
from starlette.types import Scope

from steersman.contract.service import RawRoute, Service


@dataclass(frozen=True, slots=True)
class Hot:
    """One hot path and the service whose state its handler gets."""

    service: Service
    route: RawRoute


class HotPaths:
    """The hot paths of all services."""

    def __init__(self, services: Iterable[Service]) -> None:
        self._exact: dict[str, dict[str, Hot]] = {}
        self._patterns: list[tuple[re.Pattern[str], dict[str, Any], dict[str, Hot]]] = []
        for service in services:
            self._add(service)

    def find(self, scope: Scope, path: str) -> dict[str, Hot] | None:
        """Return the routes of a path by method, with the values of its variable parts left in the scope."""
        if (found := self._exact.get(path)) is not None:
            return found
        for pattern, convertors, by_method in self._patterns:
            if match := pattern.match(path):
                values = match.groupdict()
                scope["path_params"] = {name: convertors[name].convert(value) for name, value in values.items()}
                return by_method
        return None

    def _add(self, service: Service) -> None:
        for route in service.raw_routes:
            by_method = self._exact.setdefault(route.path, {})
            for method in route.methods:
                by_method[method] = Hot(service, route)
            if "{" in route.path and len(by_method) == len(route.methods):
                pattern, _, convertors = compile_path(route.path)
                self._patterns.append((pattern, convertors, by_method))
