"""Logs: structured, without secrets, and available to the platform's own telemetry."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import structlog

from steersman.contract.fakes import FakeClock
from steersman.engine.personal.hiding import hiding
from steersman.runtime.logs import LogBuffer, Logs, OwnLog
from steersman.runtime.masking import MaskSettings, PolicyMasking
from steersman.runtime.otlp import logs_request


@pytest.fixture
def logs() -> Iterator[Logs]:
    """Logging is global to the process: what pytest had is put back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield Logs(FakeClock())
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def stream(logs: Logs) -> io.StringIO:
    out = io.StringIO()
    logs.configure("info", "json", out)
    return out


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.requirement("ASVS-16.2.4")
def test_our_own_and_library_records_come_out_alike(stream: io.StringIO) -> None:
    structlog.get_logger("steersman.store").warning("segment sealed", samples=3)
    logging.getLogger("uvicorn.error").warning("took %d ms", 7, extra={"path": "/x"})
    own, library = _lines(stream)
    assert own == {
        "event": "segment sealed",
        "samples": 3,
        "level": "warning",
        "logger": "steersman.store",
        "time_ns": FakeClock().wall_ns(),
    }
    assert (library["event"], library["path"], library["level"]) == ("took 7 ms", "/x", "warning")


def test_an_exception_comes_with_its_traceback(stream: io.StringIO) -> None:
    try:
        int("broken")
    except ValueError:
        structlog.get_logger("a").exception("failed")
        logging.getLogger("b").exception("failed")
    assert all("ValueError: invalid literal" in line["exception"] for line in _lines(stream))


def test_records_below_the_level_are_left_out(stream: io.StringIO) -> None:
    structlog.get_logger("a").debug("noise")
    logging.getLogger("b").debug("noise")
    assert _lines(stream) == []


@pytest.mark.parametrize(
    ("event", "values"),
    [
        ("hello", {"bootstrap_token": "hush-hush"}),
        ("hello", {"headers": {"Authorization": "hush-hush"}}),
        ("hello", {"headers": [{"cookie": "hush-hush"}]}),
        ("cannot reach postgresql://me:hush-hush@db/x", {}),
        ("sent Authorization: Bearer hush-hush.abc", {}),
        ("the registered one is hidden-value-1 here", {}),
        ("hello", {"error": ValueError("postgresql://me:hush-hush@db/x")}),
        ("hello", {"path": "/?a=hidden-value-1"}),
    ],
)
@pytest.mark.requirement("ASVS-16.2.5")
def test_secrets_are_never_written_nor_handed_on(
    logs: Logs, stream: io.StringIO, event: str, values: dict[str, Any]
) -> None:
    buffer = LogBuffer(10)
    logs.hand_to(buffer)
    logs.hide("hidden-value-1")
    structlog.get_logger("a").info(event, **values)
    logging.getLogger("b").warning("%s %r", event, values.get("error", ""))
    everything = stream.getvalue() + repr(buffer.drain())
    assert "hush-hush" not in everything
    assert "hidden-value-1" not in everything


@pytest.mark.requirement("ASVS-16.2.5")
def test_a_secret_in_a_traceback_is_hidden(logs: Logs, stream: io.StringIO) -> None:
    logs.hide("hidden-value-1")
    try:
        int("hidden-value-1")
    except ValueError:
        structlog.get_logger("a").exception("failed")
    assert "hidden-value-1" not in stream.getvalue()


def test_values_that_are_not_json_are_written_as_text(stream: io.StringIO) -> None:
    structlog.get_logger("a").info("odd", value=object, many={1, 2}, raw=b"\xff")
    (line,) = _lines(stream)
    assert (line["value"], line["many"]) == ("<class 'object'>", [1, 2])


def test_a_sink_gets_every_record_with_its_severity(logs: Logs, stream: io.StringIO) -> None:
    buffer = LogBuffer(10)
    logs.hand_to(buffer)
    structlog.get_logger("a").error("failed", n=1)
    logs.hand_to(None)
    structlog.get_logger("a").error("unheard")
    assert buffer.drain() == [OwnLog(FakeClock().wall_ns(), 17, "a", "failed", {"n": 1})]
    assert len(_lines(stream)) == 2


def test_what_the_sink_itself_logs_is_written_and_not_fed_back(logs: Logs, stream: io.StringIO) -> None:
    heard: list[str] = []

    def sink(record: OwnLog) -> None:
        heard.append(record.message)
        structlog.get_logger("sink").info("echo")

    logs.hand_to(sink)
    structlog.get_logger("a").info("call")
    assert heard == ["call"]
    assert sorted(line["event"] for line in _lines(stream)) == ["call", "echo"]


def test_a_full_buffer_keeps_the_newest_and_counts_the_lost() -> None:
    buffer = LogBuffer(2)
    for number in range(5):
        buffer(OwnLog(number, 9, "a", "m"))
    assert [record.time_ns for record in buffer.drain()] == [3, 4]
    assert (buffer.lost, buffer.drain()) == (3, [])


def test_the_console_style_is_for_people(logs: Logs) -> None:
    out = io.StringIO()
    logs.configure("debug", "console", out)
    structlog.get_logger("a").debug("segment sealed", samples=3)
    assert "segment sealed" in out.getvalue()
    assert "samples=3" in out.getvalue()


def test_records_become_a_valid_otlp_request() -> None:
    from google.protobuf.json_format import Parse
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    body = logs_request(
        [OwnLog(5, 13, "a", "m", {"n": 1, "x": 0.5, "b": True, "l": [1, "2"], "d": {"k": 1}, "none": None})]
    )
    request = Parse(body, ExportLogsServiceRequest())
    (record,) = request.resource_logs[0].scope_logs[0].log_records
    found = {attribute.key: attribute.value.WhichOneof("value") for attribute in record.attributes}
    assert (record.time_unix_nano, record.severity_number, record.body.string_value) == (5, 13, "m")
    assert found == {
        "logger": "string_value",
        "n": "int_value",
        "x": "double_value",
        "b": "bool_value",
        "l": "array_value",
        "d": "string_value",
    }


@pytest.mark.requirement("ASVS-16.2.5")
def test_what_a_library_logs_about_a_person_is_masked_and_addresses_stay(logs: Logs) -> None:
    """With the masking that the composition gives."""
    out = io.StringIO()
    own = Logs(FakeClock(), partial(PolicyMasking.by(MaskSettings(), hiding).text, "logs"))
    own.configure("info", "json", out)
    text = "ines@example.org called from 13812345678 at 203.0.113.9"
    logging.getLogger("a.library").warning(text, extra={"people": ["otto@example.org"]})
    (line,) = _lines(out)
    assert line["event"] == "i***@example.org called from 138****5678 at 203.0.113.9"
    assert line["people"] == ["o***@example.org"]
