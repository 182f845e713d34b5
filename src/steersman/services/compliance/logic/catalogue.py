"""Reads the catalogue out of TOML text. It knows no file, and refuses an id that no standard has."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

from steersman.model.errors import Permanent
from steersman.services.compliance.model import Catalogue, Requirement, Standard

_PREFIX = {Standard.ASVS: "ASVS-", Standard.SOC2: "SOC2-", Standard.GDPR: "GDPR-"}


def read_catalogue(standards: Mapping[Standard, str], declared: str) -> Catalogue:
    """Return all requirements with the declarations; raises `Permanent` for an unknown id in these."""
    found = tuple(one for standard, text in standards.items() for one in _requirements(standard, tomllib.loads(text)))
    tables = tomllib.loads(declared)
    catalogue = Catalogue(found, tables["not_applicable"], tables["process"], tables["deviations"])
    if unknown := unknown_ids(catalogue, {key: [] for table in tables.values() for key in table}):
        raise Permanent(f"no requirement has the id {', '.join(unknown)}")
    return catalogue


def _requirements(standard: Standard, table: Mapping[str, dict[str, list[str | int]]]) -> list[Requirement]:
    chapters = table["chapters"]
    return [
        Requirement(
            f"{_PREFIX[standard]}{key}",
            standard,
            str(chapters.get(key.partition(".")[0], "")),
            int(row[0]),
            str(row[1]),
        )
        for key, row in table["requirements"].items()
    ]


def unknown_ids(catalogue: Catalogue, evidence: Mapping[str, object]) -> list[str]:
    """Return the ids in `evidence` that are no requirement's, sorted."""
    return sorted(set(evidence) - {one.id for one in catalogue.requirements})


def outdated(minimums: str, installed: Mapping[str, str]) -> list[str]:
    """Return what is installed in a version below its floor, in words. Names are in lower case with hyphens."""
    floors = tomllib.loads(minimums)["minimums"]
    return [
        f"{name} {installed[name]} is older than {least}: {cve}, {why}"
        for name, (least, cve, why) in floors.items()
        if name in installed and version_key(installed[name]) < version_key(least)
    ]


def version_key(version: str) -> tuple[int, ...]:
    """Return the numbers of a release, to compare by; what follows them (rc1, post1, +local) does not count."""
    numbers = []
    for part in version.partition("+")[0].split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
