"""Write the list of components of the default installation: CycloneDX 1.6 as JSON, from the lock.

It is made of what is locked, not of what happens to be installed here, so the same checkout gives the same list.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
import uuid
from pathlib import Path
from typing import Any

from lock import ROOT, pins

SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"
_SPACE = uuid.UUID("5b7a2e7e-3c7b-5f0f-9a55-6f4d0c1f6a10")


def hashes(lock: str) -> dict[str, list[str]]:
    """Return the SHA-256 of every file of a package that the lock accepts, by package."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in lock.splitlines():
        if line and not line.startswith((" ", "#")):
            name = line.partition("==")[0].lower().replace("_", "-").replace(".", "-")
        elif "--hash=sha256:" in line:
            found.setdefault(name, []).append(line.partition("--hash=sha256:")[2].strip(" \\"))
    return found


def sbom(project: dict[str, Any], lock: str) -> dict[str, Any]:
    """Return the document."""
    files = hashes(lock)
    root = f"pkg:pypi/{project['name']}@{project['version']}"
    components = [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/{name}@{version}",
            "name": name,
            "version": version,
            "purl": f"pkg:pypi/{name}@{version}",
            # One component has many files, one for each platform; each may be what is installed.
            "properties": [{"name": "steersman:sha256", "value": one} for one in files.get(name, ())],
        }
        for name, version in sorted(pins(lock).items())
    ]
    return {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, root + lock)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": project["name"],
                "version": project["version"],
                "purl": root,
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": components,
        # The lock is flat: what stands in it is what this application brings.
        "dependencies": [{"ref": root, "dependsOn": [one["bom-ref"] for one in components]}],
    }


def main() -> int:
    """Write the document to a file, or to the standard output."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", nargs="?", type=Path)
    to = parser.parse_args().file
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    text = json.dumps(sbom(project, (ROOT / "requirements.lock").read_text("utf-8")), indent=2) + "\n"
    if to is None:
        sys.stdout.write(text)
    else:
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
