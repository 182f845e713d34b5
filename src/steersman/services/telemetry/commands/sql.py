"""`steersman query "SQL"`: ask the operations warehouse of a data directory, offline."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from steersman.engine.personal.hiding import hiding
from steersman.model.errors import InvalidInput
from steersman.model.ids import DEFAULT_TENANT, Tenant
from steersman.runtime.masking import MaskSettings, PolicyMasking
from steersman.runtime.telemetry.ask import ask
from steersman.services.telemetry.logic.masking import masked

_WIDEST = 60


def query(
    sql: Annotated[str, typer.Argument(help="One statement; the views are metrics, logs, spans and exemplars.")],
    *,
    data: Annotated[Path, typer.Option(help="The data directory.")] = Path("data"),
    tenant: Annotated[str, typer.Option(help="Whose rows are seen.")] = DEFAULT_TENANT,
    limit: Annotated[int, typer.Option(help="Rows at most.")] = 1_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    mask: Annotated[bool, typer.Option("--mask", help="Hide what is personal, for rows that are handed on.")] = False,
) -> None:
    """Run SQL over everything that is stored and print the rows."""
    folder = data / "telemetry"
    if not folder.is_dir():
        raise InvalidInput(f"{data} holds no store")
    answer = asyncio.run(ask(folder, sql, Tenant(tenant), limit))
    if mask:
        answer = masked(PolicyMasking.by(MaskSettings(), hiding), answer)
    if as_json:
        typer.echo(answer.decode())
    else:
        _table(json.loads(answer))


def _table(answer: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*(str(column) for column in answer["columns"]))
    for row in answer["rows"]:
        values = row.values() if isinstance(row, dict) else row
        table.add_row(*("" if value is None else str(value)[:_WIDEST] for value in values))
    Console().print(table)
    if answer["truncated"]:
        typer.echo(f"only the first {len(answer['rows'])} rows are shown")
