"""What is installed is what is locked, with hashes, and nothing in it is known to be vulnerable."""

from __future__ import annotations

import json
import re
import tomllib

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from steersman.services.compliance.logic.catalogue import outdated
from steersman.services.compliance.store.files import installed

A = "a" * 64
PINNED = (
    f"jinja2==3.1.6 \\\n    --hash=sha256:{A}\nuvloop==0.23.0 ; sys_platform != 'win32' \\\n    --hash=sha256:{A}\n"
)


@pytest.mark.requirement("ASVS-15.2.4", "SOC2-CC6.8", "SOC2-CC8.1")
def test_the_locks_hold_what_the_project_asks_for(script):
    assert script("tools/lock.py").check() == []


@pytest.mark.requirement("ASVS-15.2.4")
def test_no_lock_names_a_place_to_fetch_from(root):
    """A mirror in the file would make everybody's installation depend on it; hashes make the place irrelevant."""
    for lock in root.glob("requirements*.lock"):
        text = lock.read_text()
        assert "://" not in text
        assert not re.search(r"^\s*(-i|--index|--extra-index|--find-links|-f|-e|git\+)", text, re.MULTILINE)


def test_what_is_not_locked_and_what_is_out_of_bounds_is_named(script):
    lock = script("tools/lock.py")
    found = lock.disagreements({"jinja2": ">=3.2,<4", "orjson": ">=3"}, lock.pins(PINNED))
    assert found == ["orjson is not locked", "jinja2 3.1.6 is locked, and pyproject.toml asks for >=3.2,<4"]


@pytest.mark.parametrize("text", ["jinja2==3.1.6\n", f"jinja2>=3 \\\n    --hash=sha256:{A}\n", "-e .\n"])
def test_a_line_without_a_version_or_a_hash_is_refused(script, text: str):
    with pytest.raises(ValueError, match=r"hash|pinned"):
        script("tools/lock.py").pins(text)


def test_extras_of_the_project_itself_are_followed(script):
    project = {"name": "p", "dependencies": ["a>=1"], "optional-dependencies": {"x": ["B_c>=2"], "dev": ["p[x]", "d"]}}
    assert script("tools/lock.py").needed(project, ("dev",)) == {"a": ">=1", "b-c": ">=2", "d": ""}


@pytest.mark.requirement("ASVS-15.2.1", "SOC2-CC7.1")
def test_nothing_locked_or_installed_is_below_its_minimum_version(script):
    advisories = script("tools/advisories.py")
    assert [one for name in script("tools/lock.py").LOCKS for one in advisories.below(name)] == []
    assert outdated(advisories.MINIMUMS.read_text(), installed()) == []


def test_every_minimum_names_the_published_vulnerability(script):
    floors = tomllib.loads(script("tools/advisories.py").MINIMUMS.read_text())["minimums"]
    assert [
        name for name, (_, cve, why) in floors.items() if not re.fullmatch(r"CVE-\d{4}-\d{4,}", cve) or not why
    ] == []
    assert len(floors) >= 20


@pytest.mark.requirement("ASVS-15.1.2", "SOC2-CC9.2")
def test_the_list_of_components_keeps_the_schema_and_holds_all_that_is_locked(script, root):
    lock, project = (
        (root / "requirements.lock").read_text(),
        tomllib.loads((root / "pyproject.toml").read_text())["project"],
    )
    document = script("tools/sbom.py").sbom(project, lock)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document)) is None
    assert {one["name"]: one["version"] for one in document["components"]} == script("tools/lock.py").pins(lock)
    assert all(one["properties"] for one in document["components"])
    assert document == script("tools/sbom.py").sbom(project, lock)


def test_the_validator_finds_a_component_without_a_name(script):
    document = script("tools/sbom.py").sbom({"name": "p", "version": "1", "license": "MIT"}, PINNED)
    del document["components"][0]["name"]
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document)) is not None


def test_make_installs_by_hash_only(root):
    """No line of the Makefile, the image or the installer lets pip resolve anything by itself."""
    for name in ("Makefile", "deploy/Dockerfile", "deploy/install.sh"):
        lines = [line for line in (root / name).read_text().splitlines() if re.search(r"\bpip(\"|')? install\b", line)]
        assert lines
        assert [line for line in lines if "--require-hashes" not in line and "--no-deps" not in line] == []
