"""What detection is measured on: labelled attacks from files, and honest text from what is on the machine.

The attacks are not part of the project; they are read where the caller says they lie. A case of the rule tests that
only says "this rule must not fire" is no honest text and is left out. Prose are paragraphs of licences, package
descriptions and the docstrings of the standard library; code are its lines.
"""

from __future__ import annotations

import ast
import base64
import csv
import gzip
import hashlib
import json
import re
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from pyarrow import parquet

from steersman.engine.threats import Kind, Request
from steersman.model.errors import InvalidInput

#: The first digits of a rule's number say what it is about.
_FAMILIES = {"942": Kind.SQL, "941": Kind.XSS, "932": Kind.COMMAND, "930": Kind.PATH}
_LABELS = {
    "norm": Kind.NONE,
    "sqli": Kind.SQL,
    "xss": Kind.XSS,
    "cmdi": Kind.COMMAND,
    "path-traversal": Kind.PATH,
}
_LEAST_WORDS = 8
_LEAST_CODE = 3
_FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Case:
    """A request that a rule has to find."""

    id: str
    kind: Kind
    request: Request | bytes


def crs_cases(folder: Path) -> list[Case]:
    """The positive cases of the OWASP rule tests in `crs_tests.parquet`."""
    rows = parquet.read_table(_existing(folder / "crs_tests.parquet")).to_pylist()
    return [_case(row) for row in rows if str(row["rule_id"])[:3] in _FAMILIES and _expected(row)]


def _expected(row: dict[str, str | None]) -> bool:
    return row["expect_ids"] not in {None, "null", "[]"}


def _case(row: dict[str, str]) -> Case:
    name = f"{row['rule_id']}-{row['test_id']}"
    return Case(name, _FAMILIES[str(row["rule_id"])[:3]], _request(row))


def _request(row: dict[str, str]) -> Request | bytes:
    if row["encoded_request"]:
        return base64.b64decode(row["encoded_request"])
    headers = json.loads(row["headers"] or "{}") or {}
    pairs = tuple((name, str(value)) for name, value in headers.items())
    return Request(row["method"] or "GET", row["uri"] or "/", pairs, (row["data"] or "").encode())


def parameters(folder: Path) -> dict[Kind, list[str]]:
    """The labelled parameter values of `http_params_train.csv.gz`, by kind."""
    found: dict[Kind, list[str]] = {kind: [] for kind in _LABELS.values()}
    with gzip.open(_existing(folder / "http_params_train.csv.gz"), "rt", encoding="utf-8") as content:
        for row in csv.DictReader(content):
            found[_LABELS[row["attack_type"]]].append(row["payload"])
    return found


def log_lines(file: Path) -> list[str]:
    """The raw lines of a Parquet file of logs, or the lines of a text file."""
    if _existing(file).suffix == ".parquet":
        lines: list[str] = parquet.read_table(file, columns=["raw"])["raw"].to_pylist()
        return lines
    return file.read_text(encoding="utf-8", errors="replace").splitlines()


def code_lines() -> Iterator[str]:
    """Every line of the standard library's modules that is more than a bracket."""
    for file in _modules():
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        yield from (line.strip() for line in lines if len(line.strip()) > _LEAST_CODE)


def prose() -> Iterator[str]:
    """Paragraphs of at least eight words that begin as a sentence and end as one."""
    known: set[str] = set()
    for text in _texts():
        for paragraph in re.split(r"\n\s*\n", _FENCED.sub("", text)):
            joined = " ".join(paragraph.split())
            if joined not in known and _is_prose(paragraph, joined):
                known.add(joined)
                yield joined


def _is_prose(paragraph: str, joined: str) -> bool:
    is_indented = any(line.startswith(("    ", "\t", ">>>")) for line in paragraph.splitlines()[1:])
    return joined[:1].isalpha() and joined[-1:] in ".:!?" and len(joined.split()) >= _LEAST_WORDS and not is_indented


def _texts() -> Iterator[str]:
    """Package descriptions, licences, docstrings."""
    for package in distributions():
        yield package.metadata["Description"] or package.read_text("METADATA") or ""
        for file in package.files or ():
            if file.name.upper().startswith(("LICENSE", "COPYING", "NOTICE")):
                path = Path(str(package.locate_file(file)))
                if path.is_file():
                    yield path.read_text(encoding="utf-8", errors="replace")
    for module in _modules():
        yield from _docstrings(module)


def _docstrings(file: Path) -> Iterator[str]:
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def _modules() -> Iterator[Path]:
    root = Path(sysconfig.get_path("stdlib"))
    return (file for file in sorted(root.rglob("*.py")) if not {"test", "tests", "site-packages"} & set(file.parts))


def sampled(values: Iterable[str], most: int) -> list[str]:
    """At most so many values, the same on every run: those with the smallest hashes."""
    ranked = sorted(set(values), key=lambda value: hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest())
    return ranked[:most]


def _existing(file: Path) -> Path:
    if not file.is_file():
        raise InvalidInput(f"{file} is not there: say where the labelled attacks lie")
    return file
