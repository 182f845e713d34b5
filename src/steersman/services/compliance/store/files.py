"""The catalogue and the evidence as they were installed with the platform."""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import distributions
from importlib.resources import files

from steersman.services.compliance.logic.catalogue import read_catalogue
from steersman.services.compliance.model import Catalogue, Standard

_HERE = "steersman.services.compliance"


def text_of(name: str) -> str:
    """Return a file of this service."""
    return files(_HERE).joinpath(*name.split("/")).read_text("utf-8")


@cache
def catalogue() -> Catalogue:
    """Return all requirements that are known."""
    texts = {standard: text_of(f"catalogue/{standard}.toml") for standard in Standard}
    return read_catalogue(texts, text_of("catalogue/declared.toml"))


@cache
def evidence() -> dict[str, list[str]]:
    """Return by requirement the tests that show it, as they were tagged when this version was made."""
    found: dict[str, list[str]] = json.loads(text_of("evidence.json"))
    return found


def installed() -> dict[str, str]:
    """Return the versions of all distributions, by name in lower case with hyphens."""
    return {one.name.lower().replace("_", "-"): one.version for one in distributions()}
