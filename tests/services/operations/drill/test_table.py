from __future__ import annotations

import io
import json

from rich.console import Console

from steersman.services.operations.commands.drill.goals import goals
from steersman.services.operations.commands.drill.judge import Judgement
from steersman.services.operations.commands.drill.table import Printer, as_json, as_markdown, cells

REPAIRED = Judgement(
    scenario="hang-orders",
    control=False,
    detected=3.21,
    rank=1,
    repaired=8.04,
    verified=True,
    done=("workloads.restart on service:orders: cured",),
)
MISSED = Judgement(scenario="leak", control=False, notes=("came right by itself",))
HARMED = Judgement(scenario="surge", control=True, harm=("restart | orders",), false_incidents=2)
ALL = (REPAIRED, MISSED, HARMED)


def test_a_line_says_when_what_and_at_which_price() -> None:
    assert cells(REPAIRED)[1:5] == ("3.2 s", "#1", "8.0 s", "workloads.restart on service:orders: cured")
    assert cells(MISSED)[1:] == ("no", "no", "no", "nothing", "came right by itself")
    assert cells(HARMED)[5] == "HARM: restart | orders; 2 false incidents"


def test_a_repair_that_nobody_verified_has_a_question_mark() -> None:
    assert cells(Judgement(scenario="x", control=False, repaired=4.0))[3] == "4.0 s ?"


def test_a_pipe_gets_one_plain_line_for_each_scenario() -> None:
    out = io.StringIO()
    printer = Printer(Console(file=out, width=40))
    printer.headings()
    for one in ALL:
        printer.judged(one)
    lines = out.getvalue().splitlines()
    assert len(lines) == 4
    assert "\x1b" not in out.getvalue()
    assert lines[1].endswith("cured")


def test_the_end_says_which_goals_were_missed() -> None:
    out = io.StringIO()
    Printer(Console(file=out)).goals(goals(ALL))
    assert "1 of 2 (50%)" in out.getvalue()
    assert "1 of 1 (surge)" in out.getvalue()
    assert "MISSED" in out.getvalue()


def test_machines_get_the_same_in_json() -> None:
    found = json.loads(as_json(ALL, goals(ALL), {"date": "2026-01-01"}))
    assert [one["passed"] for one in found["scenarios"]] == [True, False, False]
    assert found["goals"][0] == {"name": "detected", "wanted": ">= 98%", "reached": "1 of 2 (50%)", "met": False}
    assert found["date"] == "2026-01-01"


def test_the_documentation_gets_tables_whose_cells_hold_no_bars() -> None:
    text = as_markdown(ALL, goals(ALL), {"cores": 2})
    assert text.startswith("cores 2.")
    assert "HARM: restart \\| orders" in text
