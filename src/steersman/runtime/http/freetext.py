"""Knows which fields of which operations hold prose, queries or secrets: what stands there is no attack by itself.

A service says so in the schema of the field, with `FREE_TEXT`, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

from fastapi.routing import APIRoute
from pydantic import BaseModel, SecretStr
from starlette.routing import BaseRoute

from steersman.contract.freetext import FREE_TEXT_MARK
from steersman.contract.service import RawRoute

#: What forms hold that no schema describes: secrets, and what leads back to a page.
_OF_FORMS = frozenset({"password", "token", "totp", "code", "client_secret", "code_verifier", "refresh_token"})


class FreeText:
    """The names of those fields for each operation."""

    def __init__(self, routes: list[BaseRoute], raw: list[RawRoute]) -> None:
        self._routes: list[tuple[re.Pattern[str], frozenset[str], frozenset[str]]] = []
        for route in routes:
            if isinstance(route, APIRoute) and (names := frozenset(_of_route(route))):
                self._routes.append((route.path_regex, frozenset(route.methods or ()), names))
        self._raw = {one.path: frozenset(_of_model(one.query)) for one in raw if one.query}

    def describes(self, path: str) -> bool:
        """Tell whether a hot path has a schema of its query; of one without nobody can say what is prose in it."""
        return path in self._raw

    def names(self, method: str, path: str) -> frozenset[str]:
        """Return the fields of this operation in which an attack is only observed."""
        if path in self._raw:
            return self._raw[path] | _OF_FORMS
        for pattern, methods, names in self._routes:
            if method in methods and pattern.match(path):
                return names | _OF_FORMS
        return _OF_FORMS


def _of_route(route: APIRoute) -> Iterator[str]:
    parameters = [*route.dependant.query_params, *route.dependant.body_params]
    for parameter in parameters:
        if _is_free(parameter.field_info):
            yield parameter.alias
        yield from _of_model(parameter.field_info.annotation)


def _of_model(kind: Any, depth: int = 0) -> Iterator[str]:
    """Yield the names of the free fields of a model and of the models in it."""
    if depth > 4:
        return
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        for part in get_args(kind):
            yield from _of_model(part, depth + 1)
        return
    for name, field in kind.model_fields.items():
        if _is_free(field):
            yield field.alias or name
        yield from _of_model(field.annotation, depth + 1)


def _is_free(field: Any) -> bool:
    extra = field.json_schema_extra
    kinds = (field.annotation, *get_args(field.annotation))
    return (isinstance(extra, dict) and bool(extra.get(FREE_TEXT_MARK))) or SecretStr in kinds
