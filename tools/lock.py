"""Lock what an installation consists of: every package in one version, with the hashes of its files.

`make lock` needs `uv` (in .venv-security) and a package index; no address of one is written down. `--check` needs
neither: it compares what pyproject.toml asks for with what is locked, so that a changed dependency cannot go unlocked.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
UV = ROOT / ".venv-security/bin/uv"
PYTHON = "3.11"
#: By file: the extras of the project that it holds. The tools are their own environment, kept apart from the tests'.
LOCKS = {"requirements.lock": (), "requirements-dev.lock": ("dev",), "requirements-security.lock": ()}
TOOLS = ROOT / "tools/security.in"
#: What builds the package, which pip would otherwise fetch without asking for its hash.
BUILD = "tools/build.in"
_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)(?P<rest>.*)$")
_NEED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[(?P<extras>[^]]*)\])?(?P<bounds>[^;]*)")
_BOUND = re.compile(r"(>=|<=|<|>|==|~=|!=)\s*([0-9][^,\s]*)")


def normal(name: str) -> str:
    """Return the name of a package as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> dict[str, str]:
    """Return the locked version of every package; raises `ValueError` for one without a hash or not pinned."""
    found: dict[str, str] = {}
    for block in re.split(r"\n(?=\S)", text.strip()):
        if block.startswith("#"):
            continue
        pin = _PIN.match(block.partition("\n")[0])
        if pin is None:
            raise ValueError(f"not pinned to one version: {block.splitlines()[0]}")
        if "--hash=sha256:" not in block:
            raise ValueError(f"without a hash: {pin['name']}")
        found[normal(pin["name"])] = pin["version"]
    return found


def needed(project: dict[str, object], extras: tuple[str, ...]) -> dict[str, str]:
    """Return the bounds that the project asks for, with those of its extras, by package."""
    asked: list[str] = list(project["dependencies"])  # type: ignore[call-overload]
    optional: dict[str, list[str]] = project["optional-dependencies"]  # type: ignore[assignment]
    waiting = list(extras)
    while waiting:
        for one in optional[waiting.pop()]:
            inner = _NEED.match(one)
            if inner and normal(inner["name"]) == normal(str(project["name"])):
                waiting += [extra.strip() for extra in (inner["extras"] or "").split(",")]
            else:
                asked.append(one)
    return {normal(found["name"]): found["bounds"].strip() for one in asked if (found := _NEED.match(one))}


def disagreements(wanted: dict[str, str], locked: dict[str, str]) -> list[str]:
    """Return what is asked for and not locked, or locked outside of its bounds."""
    missing = [f"{name} is not locked" for name in wanted if name not in locked]
    outside = [
        f"{name} {locked[name]} is locked, and pyproject.toml asks for {bounds}"
        for name, bounds in wanted.items()
        if name in locked and not all(_within(locked[name], sign, bound) for sign, bound in _BOUND.findall(bounds))
    ]
    return missing + outside


def _within(version: str, sign: str, bound: str) -> bool:
    here, there = _numbers(version), _numbers(bound)
    if sign == "~=":
        return here >= there and here[: len(there) - 1] == there[:-1]
    return {">=": here >= there, "<=": here <= there, "<": here < there, ">": here > there}.get(
        sign, (here == there) == (sign == "==")
    )


def _numbers(version: str) -> list[int]:
    found = [int(part) for part in re.findall(r"\d+", re.split(r"[abcr+]", version)[0])]
    while found and found[-1] == 0:
        found.pop()
    return found


def check() -> list[str]:
    """Return everything in which the locks of this checkout disagree with its pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wrong: list[str] = []
    for name, extras in LOCKS.items():
        try:
            locked = pins((ROOT / name).read_text("utf-8"))
        except (OSError, ValueError) as error:
            wrong.append(f"{name}: {error}")
            continue
        wanted = needed(project, extras) if name != "requirements-security.lock" else _tools()
        wrong += [f"{name}: {one}" for one in disagreements(wanted, locked)]
    return wrong


def _tools() -> dict[str, str]:
    lines = [line.partition("#")[0].strip() for line in TOOLS.read_text("utf-8").splitlines()]
    return {normal(found["name"]): found["bounds"].strip() for line in lines if (found := _NEED.match(line))}


def lock(upgrade: tuple[str, ...]) -> None:
    """Resolve anew, keeping what is locked unless it has to move or --upgrade names it."""
    for name, extras in LOCKS.items():
        sources = ["pyproject.toml", BUILD] if name != "requirements-security.lock" else [str(TOOLS.relative_to(ROOT))]
        command = [str(UV), "pip", "compile", *sources, "--universal", "--python-version", PYTHON, "--generate-hashes"]
        command += ["--no-header", "--no-annotate", "--no-emit-index-url", "--quiet", "--output-file", name]
        command += [part for extra in extras for part in ("--extra", extra)]
        # What is tested is what is installed: both files have the same versions.
        command += ["--constraint", "requirements.lock"] if name == "requirements-dev.lock" else []
        command += [part for one in upgrade for part in ("--upgrade-package", one)]
        subprocess.run(command, cwd=ROOT, check=True)


def main() -> int:
    """Lock, or with --check compare; ends with 1 where something disagrees."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--upgrade", nargs="*", default=[], metavar="PACKAGE")
    given = parser.parse_args()
    if not given.check:
        lock(tuple(given.upgrade))
    wrong = check()
    for one in wrong:
        print(f"{one}: run `make lock`", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
