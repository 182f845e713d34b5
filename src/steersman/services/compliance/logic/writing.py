"""Writes a report for people: as text for a terminal, as Markdown, and as HTML that stands alone."""

from __future__ import annotations

from html import escape

from steersman.services.compliance.logic.judging import automated
from steersman.services.compliance.model import Finding, Report, Standard, State

TITLES = {Standard.ASVS: "OWASP ASVS 5.0, levels 1 and 2", Standard.SOC2: "SOC 2 criteria", Standard.GDPR: "GDPR"}
WORDS = {
    State.TESTS: "shown by tests",
    State.LIVE: "seen in the running platform",
    State.FAILING: "FAILING",
    State.DEVIATION: "declared deviation",
    State.PROCESS: "declared process",
    State.NOT_APPLICABLE: "not applicable",
    State.OPEN: "open",
}
_UNSEEN = "No running platform was looked at: nothing here was seen live."
_CAVEAT = "What tests are tagged with is the authors' own judgement. It is no audit and no certificate."


def as_text(report: Report) -> str:
    """Return the report with a line for each requirement, and its evidence indented below."""
    lines = [] if report.seen else [_UNSEEN]
    for standard in _standards(report):
        lines += ["", f"{TITLES[standard]}: {_counted(report, standard)}", ""]
        for one in _of(report, standard):
            lines.append(f"{one.id:<13} {WORDS[one.state]:<29} {one.summary}")
            lines += [f"{'':<13}   {text}" for text in _evidence(one)]
    if report.processing:
        lines += ["", "Record of processing activities", ""]
        lines += [f"{one.service}: {one.what}; {one.purpose}; {one.basis}; {one.kept}" for one in report.processing]
    return "\n".join([*lines, "", _CAVEAT]).lstrip("\n")


def as_markdown(report: Report) -> str:
    """Return the report as tables."""
    lines = ["# Compliance", "", *([] if report.seen else [_UNSEEN, ""])]
    for standard in _standards(report):
        lines += [
            f"## {TITLES[standard]}",
            "",
            _counted(report, standard),
            "",
            "| id | state | what | evidence |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| {one.id} | {WORDS[one.state]} | {_cell(one.summary)} | {_cell('; '.join(_evidence(one)))} |"
            for one in _of(report, standard)
        ]
        lines.append("")
    if report.processing:
        lines += [
            "## Record of processing activities",
            "",
            "| service | what | purpose | basis | kept |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| {' | '.join(_cell(text) for text in (one.service, one.what, one.purpose, one.basis, one.kept))} |"
            for one in report.processing
        ]
        lines.append("")
    return "\n".join([*lines, _CAVEAT])


def as_html(report: Report) -> str:
    """Return one page without scripts and without anything from elsewhere."""
    parts = ["<!doctype html><html lang=en><meta charset=utf-8><title>Compliance</title><h1>Compliance</h1>"]
    parts.append("" if report.seen else f"<p>{_UNSEEN}</p>")
    for standard in _standards(report):
        parts.append(f"<h2>{escape(TITLES[standard])}</h2><p>{escape(_counted(report, standard))}</p><table>")
        parts.append("<tr><th>id<th>state<th>what<th>evidence</tr>")
        parts += [
            f"<tr><td>{one.id}<td>{WORDS[one.state]}<td>{escape(one.summary)}"
            f"<td>{escape('; '.join(_evidence(one)))}</tr>"
            for one in _of(report, standard)
        ]
        parts.append("</table>")
    return "\n".join([*parts, f"<p>{_CAVEAT}</p></html>"])


def _standards(report: Report) -> list[Standard]:
    return [standard for standard in Standard if standard.value in report.counts]


def _of(report: Report, standard: Standard) -> list[Finding]:
    return [one for one in report.findings if one.standard is standard]


def _counted(report: Report, standard: Standard) -> str:
    counts = report.counts[standard.value]
    told = ", ".join(f"{counts[state]} {WORDS[state]}" for state in State if counts.get(state))
    return f"{automated(report, standard)} of {sum(counts.values())} automated ({told})"


def _evidence(one: Finding) -> list[str]:
    return [*one.tests, *one.checks, *([one.note] if one.note else [])]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
