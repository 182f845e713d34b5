"""The results of the last drill, which a drill writes into the data directory of the platform that it examined."""

from __future__ import annotations

from pathlib import Path

import orjson

from steersman.services.operations.model.overview import Drill

#: Under the data directory; a drill replaces it whole.
PLACE = Path("operations") / "drill.json"


def last_drill(data_dir: Path) -> Drill:
    """Return the last results; what cannot be read counts as none."""
    path = data_dir / PLACE
    try:
        results = orjson.loads(path.read_bytes())
        return Drill(time_ms=path.stat().st_mtime_ns // 1_000_000, results=results)
    except (OSError, orjson.JSONDecodeError):
        return Drill(time_ms=None, results=None)


def keep_drill(data_dir: Path, results: object) -> None:
    """Replace the last results."""
    path = data_dir / PLACE
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2))
    fresh.replace(path)
