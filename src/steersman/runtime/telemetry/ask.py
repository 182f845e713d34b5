"""Starts the warehouse's process for one question. DuckDB is never imported into the process that serves."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

from steersman.model.errors import InvalidInput, Temporary

if TYPE_CHECKING:
    from pathlib import Path

    from steersman.model.ids import Tenant

_SECONDS = 30.0
#: Reading the manifest's files comes before the question's own time.
_START_SECONDS = 30.0
#: Each question may take a gigabyte; the machine is shared with everything else.
_AT_ONCE = 2

_places = asyncio.Semaphore(_AT_ONCE)


async def ask(folder: Path, sql: str, tenant: Tenant, limit: int) -> bytes:
    """Return the answer as JSON. Raises `InvalidInput` with DuckDB's words, `Temporary` when it did not come."""
    question = json.dumps({"sql": sql, "tenant": tenant, "limit": limit, "seconds": _SECONDS}).encode()
    async with _places:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "steersman.runtime.telemetry.warehouse", str(folder)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(_SECONDS + _START_SECONDS):
                answer, errors = await process.communicate(question)
        except TimeoutError:
            raise Temporary(f"the question took longer than {_SECONDS + _START_SECONDS:.0f} seconds") from None
        finally:
            if process.returncode is None:
                process.kill()
    if process.returncode != 0:
        last = errors.decode(errors="replace").strip().splitlines()[-1:]
        raise Temporary(f"the warehouse's process ended with {process.returncode}: {' '.join(last)}")
    if answer.startswith(b'{"error"'):
        raise InvalidInput(json.loads(answer)["error"])
    return answer
