"""The report over HTTP and as a page. Who may read it learns where the platform is weak, so it needs a permission."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query

from steersman.contract.ports import Context
from steersman.contract.service import Page, Route
from steersman.services.compliance.logic.judging import automated, judged
from steersman.services.compliance.logic.looking import looked
from steersman.services.compliance.model import Finding, Report, Standard, State
from steersman.services.compliance.store.facts import gathered, processing
from steersman.services.compliance.store.files import catalogue, evidence

READ = "compliance.report.read"
_BADGES = {
    State.TESTS: "fresh",
    State.LIVE: "fresh",
    State.FAILING: "failing",
    State.DEVIATION: "stale",
    State.PROCESS: "stale",
    State.NOT_APPLICABLE: "stale",
    State.OPEN: "stale",
}


def report(context: Context, standard: Annotated[Standard | None, Query()] = None) -> Report:
    """Return how every requirement stands now. It looks at the running platform, which takes a moment."""
    wanted = tuple(Standard) if standard is None else (standard,)
    ports = context.ports
    looks = looked(gathered(ports))
    return judged(catalogue(), evidence(), looks, standards=wanted, processing=processing(ports))


def page(context: Context) -> Mapping[str, Any]:
    """Return one standard, that which the address asks for."""
    asked = context.query.get("standard", "asvs")
    standard = Standard(asked) if asked in set(Standard) else Standard.ASVS
    told = report(context, standard)
    return {
        "findings": [(one, _evidence(one)) for one in told.findings],
        "badges": _BADGES,
        "standards": list(Standard),
        "standard": standard,
        "automated": automated(told, standard),
        "total": len(told.findings),
    }


def _evidence(one: Finding) -> list[str]:
    """Return what shows it in words: the name of a test is a sentence."""
    tests = [test.rpartition("::test_")[2].replace("_", " ") for test in one.tests]
    return [*tests, *one.checks, *([one.note] if one.note else [])]


PERMISSIONS = {READ: "Read which requirements of security standards are met, and which are not."}
ROUTES = (
    Route(
        method="GET",
        path="/api/compliance/report",
        handler=report,
        permission=READ,
        summary="How the requirements of ASVS, SOC 2 and the GDPR stand, and what shows it.",
        errors=(400,),
    ),
)
PAGES = (
    Page(
        path="/compliance",
        title="Compliance",
        title_zh="合规",
        template="compliance.html",
        view=page,
        permission=READ,
    ),
)
