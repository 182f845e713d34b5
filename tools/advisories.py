"""Ask whether anything locked has a known vulnerability: pip-audit in strict mode, and our list of minimum versions.

The list is always checked. pip-audit needs a service that knows advisories; where none can be reached this says so and
counts as a failure, unless `--offline` was given: then the person was told what was not asked, and nothing else.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from lock import LOCKS, ROOT, pins

from steersman.services.compliance.logic.catalogue import outdated

MINIMUMS = ROOT / "src/steersman/services/compliance/catalogue/minimums.toml"
AUDIT = ROOT / ".venv-security/bin/pip-audit"


def below(name: str) -> list[str]:
    """Return what a lock holds in a version below its floor."""
    return outdated(MINIMUMS.read_text("utf-8"), pins((ROOT / name).read_text("utf-8")))


def audited(name: str, program: Path = AUDIT) -> int:
    """Ask pip-audit about exactly what is locked; it resolves nothing and skips nothing."""
    command = [str(program), "--requirement", name, "--require-hashes", "--disable-pip", "--strict"]
    return subprocess.run([*command, "--progress-spinner", "off"], cwd=ROOT, check=False).returncode


def main() -> int:
    """Check all locks; ends with 1 where something is known to be vulnerable, or could not be asked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--offline", action="store_true", help="only the list of minimum versions")
    offline = parser.parse_args().offline
    found = [f"{name}: {one}" for name in LOCKS for one in below(name)]
    for one in found:
        print(one, file=sys.stderr)
    if offline:
        print("Checked against the list of minimum versions only: no database of advisories was asked.")
        return 1 if found else 0
    failed = [name for name in LOCKS if audited(name) != 0]
    if failed:
        print(f"pip-audit found something in {', '.join(failed)}, or could not ask: see above.", file=sys.stderr)
    return 1 if found or failed else 0


if __name__ == "__main__":
    sys.exit(main())
