"""Look for secrets in what git tracks and in everything that it ever tracked.

A line is suspected when it has the shape of a known credential, or when a name such as `password` or `api_key` is given
a long text of high entropy. What is known to be none stands in tools/leaks-known.txt, as a hash of the text with the
reason, so that the list itself gives nothing away. A real secret is never put there: it is revoked.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
KNOWN = ROOT / "tools/leaks-known.txt"
SHAPES = {
    "private key": re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----\s*[A-Za-z0-9+/]{16}"),
    "AWS key": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "GitHub token": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36}\b|\bgithub_pat_[A-Za-z0-9_]{40,}"),
    "Slack token": re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{20,}"),
    "Google key": re.compile(r"\bAIza[A-Za-z0-9_-]{35}\b"),
    "Stripe key": re.compile(r"\b[rs]k_live_[A-Za-z0-9]{20,}"),
    "API key of a model": re.compile(r"\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{32,}"),
    "package index token": re.compile(r"\bpypi-[A-Za-z0-9_-]{50,}"),
    "signed token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}"),
    "our own key": re.compile(r"\bstm_[A-Za-z0-9_-]{30,}"),
    "credentials in an address": re.compile(r"\b[a-z][a-z0-9+]*://[^\s:/@'\"{}$<>]+:[^\s:/@'\"{}$<>]{8,}@"),
}
_NAMED = re.compile(
    r"(?i)\b[\w-]*(?:password|passwd|secret|token|api[_-]?key|private[_-]?key)[\w-]*[\"']?\s*[:=]\s*[\"']([^\"'\s{}$]{16,})[\"']"
)
_ENTROPY_BITS = 3.8
_BINARY = {".woff2", ".png", ".gz", ".sz", ".zst", ".bin", ".parquet", ".pb"}


def entropy(text: str) -> float:
    """Return the bits per sign of a text."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)


def suspects(line: str) -> Iterator[tuple[str, str]]:
    """Yield what in a line looks like a secret, with what it looks like."""
    for kind, shape in SHAPES.items():
        for found in shape.finditer(line):
            yield kind, found[0]
    for found in _NAMED.finditer(line):
        # Words of a sentence in a test are no key: those have digits among letters, and no separators for people.
        text = found[1]
        mixed = bool(re.search(r"\d", text)) and bool(re.search(r"[A-Za-z]", text))
        if mixed and entropy(text) >= _ENTROPY_BITS:
            yield "named secret", text


def digest(text: str) -> str:
    """Return how the list of known texts names one."""
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def known(text: str) -> dict[str, str]:
    """Return the reasons by digest; raises `ValueError` for a line without a reason."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            key, _, reason = line.partition(" ")
            if len(reason.strip()) < 8:
                raise ValueError(f"no reason is given for {key}")
            found[key] = reason.strip()
    return found


def scanned(lines: Iterable[tuple[str, str]], excused: dict[str, str]) -> list[str]:
    """Return a line about each secret in pairs of place and text. The secret itself is not printed."""
    return sorted(
        {
            f"{place}: {kind} ({digest(text)})"
            for place, line in lines
            if len(line) < 20_000
            for kind, text in suspects(line)
            if digest(text) not in excused
        }
    )


def of_files(root: Path) -> Iterator[tuple[str, str]]:
    """Yield every line of the tracked and of the new files of a checkout."""
    names = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, names):
        file = root / name
        if file.suffix in _BINARY or not file.is_file():
            continue
        for number, line in enumerate(file.read_text("utf-8", "replace").splitlines(), start=1):
            yield f"{name}:{number}", line


def of_history(root: Path, since: str) -> Iterator[tuple[str, str]]:
    """Yield every line that a commit added, also where a later one took it away."""
    revision = [f"{since}..HEAD"] if since else ["HEAD"]
    command = [
        "git",
        "-C",
        str(root),
        "log",
        "-p",
        "--no-color",
        "--no-ext-diff",
        "--unified=0",
        "--format=%x00%h",
        *revision,
    ]
    # The system's own git, by its name.  # nosec B607 - as every other tool here
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8", errors="replace") as log:
        commit = file = ""
        for line in log.stdout or ():
            if line.startswith("\0"):
                commit = line[1:].strip()
            elif line.startswith("+++ b/"):
                file = line[6:].strip()
            elif line.startswith("+"):
                yield f"{commit} {file}", line[1:].rstrip("\n")


def _git(root: Path, *args: str) -> str:
    # nosec B607 - the git of the system, by its name
    return subprocess.run(["git", "-C", str(root), *args], capture_output=True, text=True, check=True).stdout


def main() -> int:
    """Print what looks like a secret; ends with 1 when anything does."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--history", action="store_true", help="everything that was ever committed, too")
    parser.add_argument("--since", default="", metavar="COMMIT", help="history after this commit only")
    parser.add_argument("--root", type=Path, default=ROOT)
    given = parser.parse_args()
    lines = of_history(given.root, given.since) if given.history else of_files(given.root)
    found = scanned(lines, known(KNOWN.read_text("utf-8")))
    for one in found:
        print(one, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
