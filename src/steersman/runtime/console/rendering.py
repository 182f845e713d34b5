"""Jinja2 over the templates of any package: its own folder first, the shell's under `console/`.

Undefined names are errors and everything is escaped. A template gets `t` (texts), `asset` (addresses of static
files) and the number formats as filters; it cannot reach a port.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined
from jinja2.loaders import BaseLoader, ChoiceLoader
from markupsafe import Markup

from steersman.model.errors import Permanent
from steersman.runtime.console.assets import asset_url
from steersman.runtime.console.figures import FORMATS
from steersman.runtime.console.language import Language, own_name
from steersman.runtime.console.messages import messages


def as_json(value: object) -> Markup:
    """Write JSON that is safe inside a `<script type="application/json">`: no `<`, `>` or `&`."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    harmless = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return Markup(harmless)  # noqa: S704 - nothing is left in it that HTML could read


@cache
def package_of(module: str) -> str:
    """Return the nearest package at or above a module that has a `templates` folder."""
    name = module
    while name:
        spec = find_spec(name)
        if spec is not None and spec.submodule_search_locations and (files(name) / "templates").is_dir():
            return name
        name = name.rpartition(".")[0]
    raise Permanent(f"{module} has no templates folder in its package or above")


@cache
def _environment(package: str) -> Environment:
    loader: BaseLoader = ChoiceLoader([PackageLoader(package), PrefixLoader({"console": PackageLoader(__package__)})])
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.lstrip_blocks = True
    environment.filters |= {f"as_{name}": write for name, write in FORMATS.items()} | {"as_json": as_json}
    environment.globals |= {"asset": asset_url, "languages": tuple(Language), "own_name": own_name, "formats": FORMATS}
    return environment


def render(module: str, template: str, language: Language, values: Mapping[str, Any]) -> str:
    """Render a template of the package that the module belongs to."""
    package = package_of(module)
    return _environment(package).get_template(template).render(t=messages(package, language), lang=language, **values)
