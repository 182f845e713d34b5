"""The bench of the API on a small scale: real processes, no error, and every figure there."""

from __future__ import annotations

from pathlib import Path

import pytest

from steersman.services.operations.commands.bench_api import measure


@pytest.mark.slow
def test_the_standard_load_is_answered_without_an_error(tmp_path: Path) -> None:
    """A hundred clients at once over stored incidents; how quickly is for the bench to say, not for a test."""
    figures = measure(tmp_path, incidents=200, share=0.02)["engine"]
    assert (figures["requests"], figures["errors"], figures["clients"]) == (100 * 20, 0, 100)
    assert figures["rps"] > 0
    assert 0 < figures["p50_ms"] <= figures["p95_ms"] <= figures["p99_ms"]
    assert figures["server_cpu_ms_per_request"] > 0
