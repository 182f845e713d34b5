"""`steersman compliance report`: evidence of tests, and of a platform that runs, if one answers."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from steersman.model.errors import InvalidInput, Temporary
from steersman.runtime.http.remote import call, found_token
from steersman.services.compliance.logic.judging import judged
from steersman.services.compliance.logic.junit import by_test, read_results
from steersman.services.compliance.logic.looking import looked
from steersman.services.compliance.logic.writing import as_html, as_markdown, as_text
from steersman.services.compliance.model import Facts, Looked, Processing, Report, Standard
from steersman.services.compliance.store.files import catalogue, evidence
from steersman.services.compliance.store.probing import loopback, probed


class Form(StrEnum):
    TEXT = "text"
    MARKDOWN = "md"
    JSON = "json"
    HTML = "html"


_Form = Annotated[Form, typer.Option("--format", help="How to write it.")]
_Results = Annotated[
    Path | None, typer.Option(help="A JUnit file of a test run: only what passed there counts.", metavar="FILE")
]
_Standard = Annotated[Standard | None, typer.Option(help="Only this standard.")]
_Url = Annotated[str, typer.Option(help="The address of a running platform to look at.")]
_Data = Annotated[Path | None, typer.Option(help="Its data directory, to read the token from.", metavar="DIR")]


def report(
    form: _Form = Form.TEXT,
    results: _Results = None,
    standard: _Standard = None,
    url: _Url = "http://127.0.0.1:7600",
    data: _Data = None,
) -> int:
    """Print how every requirement stands. Ends with 1 when one is failing."""
    looks, processing = _live(url, data)
    tests = evidence()
    ran = (
        None if results is None else by_test(_read(results), sorted({one for found in tests.values() for one in found}))
    )
    wanted = tuple(Standard) if standard is None else (standard,)
    told = judged(catalogue(), tests, looks, results=ran, standards=wanted, processing=processing)
    typer.echo(_written(told, form))
    return 1 if any(counts.get("failing") for counts in told.counts.values()) else 0


def _live(url: str, data: Path | None) -> tuple[list[Looked], list[Processing]]:
    """Ask the platform what it sees of itself, and look at its answers from outside."""
    try:
        told = Report.model_validate(call(url, "GET", "/api/compliance/report", None, found_token(data)))
    except Temporary:
        return [], []
    parts = urlsplit(url)
    host = parts.hostname or ""
    words = {"scheme": parts.scheme, "loopback": "yes" if loopback(host) else "no"}
    seen = looked(Facts(words=words, answers=probed(parts.scheme, host, parts.port)))
    outside = {one.name: one for one in seen}
    return [_rather(one, outside[one.name]) for one in told.looked if one.name in outside], told.processing


def _rather(inside: Looked, outside: Looked) -> Looked:
    """Return what the platform knows of itself, or what only somebody outside can see."""
    return inside if inside.holds is not None else outside


def _read(results: Path) -> dict[str, bool]:
    try:
        return read_results(results.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{results} cannot be read as the results of a test run") from error


def _written(report: Report, form: Form) -> str:
    if form is Form.JSON:
        return report.model_dump_json(indent=2)
    return {Form.TEXT: as_text, Form.MARKDOWN: as_markdown, Form.HTML: as_html}[form](report)
