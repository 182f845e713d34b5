"""An export as a ZIP file for a person: one JSON file for each kind of data, and a CSV file where it is a table.

`about.json` says whose it is, when, and the SHA-256 of every other file. Names are those of the record of processing,
so they stay the same from export to export. A list inside a kind becomes a table of its own, `KIND.PART.csv`.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

FORMAT = "steersman person 1"
#: The ZIP format has no date before this one; a file's own date says nothing here.
_DATE = (1980, 1, 1, 0, 0, 0)
#: A cell that begins with one of these is a formula to a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def archive(export: Mapping[str, Any]) -> bytes:
    """Return the file for what `/api/privacy/persons/NAME/export` answered; the same export gives the same bytes."""
    files = dict(_files(export["data"]))
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    about = {name: export[name] for name in ("format", "account", "name", "exported_ms", "sha256")} | {"files": sums}
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in {"about.json": _json(about), **files}.items():
            out.writestr(zipfile.ZipInfo(name, _DATE), content, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def _files(data: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    for kind, content in sorted(data.items()):
        yield f"{kind}.json", _json(content)
        parts = {"": content} if isinstance(content, list) else content if isinstance(content, Mapping) else {}
        for part, rows in parts.items():
            if isinstance(rows, list) and rows and all(isinstance(row, Mapping) for row in rows):
                yield f"{kind}.{part}.csv" if part else f"{kind}.csv", _table(rows)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True).encode("utf-8", "replace")


def _table(rows: Sequence[Mapping[str, Any]]) -> bytes:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO(newline="")
    table = csv.writer(out)
    table.writerow(columns)
    table.writerows([[_cell(row.get(name)) for name in columns] for row in rows])
    return out.getvalue().encode("utf-8", "replace")


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, int | float):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.startswith(_FORMULA) else text
