"""The page /ops as it is first answered, before any script runs."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Any

from steersman.contract.ports import Caller, Context
from steersman.model.entities import CauseKind
from steersman.model.incidents import IncidentState
from steersman.model.plans import Autonomy, PlanState, VerdictKind
from steersman.model.rounds import Abstained, Decided, IncidentChanged, Judged, Learnt, Noticed
from steersman.runtime.console.language import Language
from steersman.runtime.console.messages import messages
from steersman.services.operations.logic.bulletin import LoopStatus
from steersman.services.operations.web.page import view

HTML = {"accept": "text/html"}


def plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html.partition('id="ops"')[2]).split())


async def told(site: Any, examples: Any) -> None:
    plan = examples.plan()
    site.record(Noticed(examples.finding()), IncidentChanged(examples.incident(), "one finding"), Decided(plan))
    waiting = replace(examples.plan(2, state=PlanState.AWAITING_APPROVAL), autonomy=Autonomy.APPROVE)
    site.record(Abstained(incident=examples.incident().id, kind="wait", reason="too early"), Decided(waiting))
    site.record(Judged(plan, examples.verdict(plan), undo=False), Learnt(examples.LESSON))


def test_an_empty_platform_says_that_nothing_is_wrong(serving: Any) -> None:
    """Calm words instead of empty tables."""

    async def look() -> str:
        async with serving() as site:
            return plain((await site.ask("GET", "/ops", headers=HTML)).text)

    text = asyncio.run(look())
    assert "Nothing is wrong as far as the platform can see." in text
    assert text.count("Nothing was done.") == 1


def test_the_page_tells_cause_belief_deed_verdict_and_what_waits(serving: Any, examples: Any) -> None:
    """The newest open incident is shown without being asked for."""

    async def look() -> str:
        async with serving() as site:
            await told(site, examples)
            site.state.bulletin.status = LoopStatus(blind="no telemetry for 30 s")
            return plain((await site.ask("GET", "/ops", headers=HTML)).text)

    text = asyncio.run(look())
    for words in ("hang service:orders", "80 %", "no request has been answered", "Cured: latency is back",
                  "Waiting for you", "Approve Reject", "held back too early", "no telemetry for 30 s"):  # fmt: skip
        assert words in text, words


def test_an_incident_is_shown_by_its_address_in_the_readers_language(serving: Any, examples: Any) -> None:
    """One that is unknown leaves the place empty and the page whole."""

    async def look() -> tuple[str, str]:
        async with serving() as site:
            await told(site, examples)
            other = examples.incident(5, title="other", state=IncidentState.RESOLVED)
            site.record(IncidentChanged(other, "over"))
            chosen = await site.ask("GET", f"/ops?incident={other.id}&lang=zh", headers=HTML)
            unknown = await site.ask("GET", "/ops?incident=none", headers=HTML)
            assert (chosen.status_code, unknown.status_code) == (200, 200)
            return chosen.text, plain(unknown.text)

    chosen, unknown = asyncio.run(look())
    assert '<h2 id="h-shown">other</h2>' in chosen
    assert "已解决" in chosen
    assert "没有事件" in unknown  # the language is remembered


def test_what_is_shown_is_text_and_never_markup(serving: Any, examples: Any) -> None:
    """Titles and reasons come from alerts and logs, that is, from anybody."""

    async def look() -> str:
        async with serving() as site:
            site.record(IncidentChanged(examples.incident(title="<script>alert(1)</script>"), "<b>why</b>"))
            html: str = (await site.ask("GET", "/ops", headers=HTML)).text
            return html

    html = asyncio.run(look())
    assert "<script>alert" not in html
    assert "<b>why" not in html


def test_a_reader_sees_no_buttons(serving: Any, examples: Any) -> None:
    """Whoever may only read is not offered what would be refused."""

    async def look() -> Any:
        async with serving() as site:
            reader = Caller("reader", permissions=frozenset({"operations.incidents.read"}))
            return view(Context(reader, site.ports, site.state))["may"]

    assert asyncio.run(look()) == {"write": False, "approve": False, "policy": False}


def test_every_state_and_cause_has_words_in_both_languages() -> None:
    """A page never fails on a word that the loop knows and the texts do not."""
    keys = [f"cause_{one.value}" for one in CauseKind]
    keys += [f"state_{one.value}" for kind in (IncidentState, PlanState, VerdictKind) for one in kind]
    keys += [f"autonomy_{one.name.lower()}" for one in Autonomy]
    for language in Language:
        texts = messages("steersman.services.operations", language).texts
        assert [key for key in keys if key not in texts] == []
