"""Print the changelog's part of one version, for the notes of a release."""

from __future__ import annotations

import sys
from pathlib import Path

CHANGELOG = Path(__file__).parent.parent / "CHANGELOG.md"


def part(changelog: str, version: str) -> str:
    """Return what stands under the heading of a version; raises `SystemExit` where there is none."""
    lines = changelog.splitlines()
    heads = [number for number, line in enumerate(lines) if line.startswith("## ")]
    for number, following in zip(heads, [*heads[1:], len(lines)], strict=True):
        if lines[number].removeprefix("## ").split(",")[0].split(":")[0].strip() == version:
            return "\n".join(lines[number + 1 : following]).strip() + "\n"
    raise SystemExit(f"the changelog says nothing about {version}")


if __name__ == "__main__":
    sys.stdout.write(part(CHANGELOG.read_text("utf-8"), sys.argv[1]))
