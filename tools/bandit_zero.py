"""Run bandit over the sources and accept nothing without a reason.

Its rules are ruff's S rules under other numbers (B608 is S608). Where the line of a finding already gives a reason
behind its `noqa` of S608, it is not written twice; a bare one, or a bare `nosec`, is none. Some rules are
about no defect here; each has its reason below.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SKIPPED = {
    "B101": "assertions narrow types; ruff's S101 asks for the reason at each",
    "B105": "names that hold the word token or password; tools/leaks.py looks for what really is a secret",
    "B106": "likewise, and an empty text is the absence of one",
    "B107": "likewise",
    "B311": "benches and proofs draw from a seeded generator; tools/semgrep/rules.yml watches the rest",
    "B404": "importing subprocess is no defect; how it is called is looked at",
    "B603": "every process is started from a list without a shell, and a semgrep rule keeps it so",
}
_REASON = re.compile(r"#\s*(?:noqa|nosec):?\s*(?P<codes>[A-Z]+\d+(?:[,\s]+[A-Z]+\d+)*)\s+-\s+\S.{7,}")


def excused(line: str, rule: str) -> bool:
    """Tell whether a line gives a reason for this very rule."""
    number = rule[1:]
    return any({f"S{number}", f"B{number}"} & set(re.split(r"[,\s]+", one["codes"])) for one in _REASON.finditer(line))


def findings(folders: list[Path]) -> list[str]:
    """Return what bandit finds and no line explains."""
    command = [sys.executable, "-m", "bandit", "--quiet", "--recursive", "--format", "json", "--ignore-nosec"]
    # The examples of our semgrep rules are wrong on purpose.
    command += ["--exclude", "*/tools/semgrep/*", "--skip", ",".join(SKIPPED), *map(str, folders)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    told = json.loads(ran.stdout)
    wrong = [f"{one['filename']}: {one['reason']}" for one in told["errors"]]
    for one in told["results"]:
        lines = Path(one["filename"]).read_text("utf-8").splitlines()
        # The reason stands where the statement begins or ends, or where the finding is.
        near = lines[max(0, one["line_number"] - 2) : max(one["line_range"]) + 1]
        if not any(excused(line, one["test_id"]) for line in near):
            wrong.append(f"{one['filename']}:{one['line_number']}: {one['test_id']} {one['issue_text']}")
    return wrong


def main() -> int:
    """Print the findings; ends with 1 when there are any."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="*", type=Path, default=[ROOT / "src", ROOT / "tools"])
    wrong = findings(parser.parse_args().folders)
    for one in wrong:
        print(one, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
