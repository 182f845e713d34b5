"""Write down which tests show which requirements, for `steersman compliance report`.

It reads the marks `requirement("ASVS-6.2.1", ...)` out of the source of the tests instead of importing them: that takes
a second, needs none of their peers, and a mark that is not plain text is an error instead of a surprise.
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
WRITTEN = ROOT / "src/steersman/services/compliance/evidence.json"
_TESTED = (ast.FunctionDef, ast.AsyncFunctionDef)


def collected(tests: Path, root: Path = ROOT) -> dict[str, list[str]]:
    """Return by requirement the ids of the tests below a folder that carry its mark."""
    found: dict[str, set[str]] = defaultdict(set)
    for file in sorted(tests.rglob("test_*.py")):
        text = file.read_text("utf-8")
        if "requirement(" not in text:
            continue
        name = file.relative_to(root).as_posix()
        for test, ids in _marked(ast.parse(text, name), name, ()):
            for one in ids:
                found[one].add(test)
    return {key: sorted(found[key]) for key in sorted(found, key=_order)}


def _marked(
    node: ast.Module | ast.ClassDef, name: str, inherited: tuple[str, ...]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    here = inherited + tuple(one for part in node.body for one in _of_assignment(part, name))
    for part in node.body:
        if isinstance(part, ast.ClassDef) and part.name.startswith("Test"):
            yield from _marked(part, f"{name}::{part.name}", here + _ids(part.decorator_list, name))
        elif isinstance(part, _TESTED) and part.name.startswith("test"):
            yield f"{name}::{part.name}", here + _ids(part.decorator_list, name)


def _of_assignment(part: ast.stmt, name: str) -> tuple[str, ...]:
    if isinstance(part, ast.Assign) and any(isinstance(to, ast.Name) and to.id == "pytestmark" for to in part.targets):
        return _ids(part.value.elts if isinstance(part.value, ast.List | ast.Tuple) else [part.value], name)
    return ()


def _ids(marks: list[ast.expr], name: str) -> tuple[str, ...]:
    found: list[str] = []
    for mark in marks:
        if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Attribute) and mark.func.attr == "requirement":
            if not all(isinstance(one, ast.Constant) and isinstance(one.value, str) for one in mark.args):
                raise SystemExit(f"{name}:{mark.lineno}: a requirement is named by plain text")
            found += [one.value for one in mark.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return tuple(found)


def _order(key: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (0, part) for part in key.replace("-", ".").split(".")]


def written(evidence: dict[str, list[str]]) -> str:
    """Return the file as it lies in the repository."""
    return json.dumps(evidence, indent=1, ensure_ascii=True) + "\n"


def main() -> int:
    """Write the file, or with --check say whether it is what the tests say."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true")
    text = written(collected(ROOT / "tests"))
    if parser.parse_args().check:
        if WRITTEN.read_text("utf-8") == text:
            return 0
        print("The evidence is not what the tests say: run `make evidence`.", file=sys.stderr)
        return 1
    WRITTEN.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
