from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from steersman.cli import run
from steersman.services.security.commands.check import answers, as_record

HONEST = '{"value": "hello", "field": "query"}\n'
ATTACK = '{"request": "GET /?id=1%20or%201=1 HTTP/1.1\\r\\n\\r\\n"}\n'


def _file(folder: Path, *lines: str) -> Path:
    file = folder / "lines.jsonl"
    file.write_text("".join(lines))
    return file


@pytest.mark.parametrize(
    ("lines", "code"), [([HONEST], 0), ([HONEST, "\n", ATTACK], 1), ([ATTACK, "{\n", HONEST], 2), ([], 0)]
)
def test_the_exit_code_says_whether_something_was_found(tmp_path: Path, lines: list[str], code: int) -> None:
    assert run(["threats", "check", str(_file(tmp_path, *lines))]) == code


def test_each_line_gets_kind_score_time_and_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["threats", "check", str(_file(tmp_path, HONEST, ATTACK))])
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("1\tnone\t0\t")
    assert second.startswith("2\tsql_injection\t")
    assert "query id: " in second


def test_a_bad_line_is_answered_with_file_line_and_reason_and_the_rest_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _file(tmp_path, HONEST, "nonsense\n", ATTACK)
    run(["threats", "check", str(file)])
    captured = capsys.readouterr()
    assert f"{file}:2: this is no JSON" in captured.err
    assert len(captured.out.splitlines()) == 2


def test_with_json_every_line_is_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["threats", "check", "--json", str(_file(tmp_path, ATTACK, "[]\n"))])
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["line"], first["kind"], first["where"]) == (1, "sql_injection", "query id")
    assert second == {"line": 2, "error": "this is JSON, but neither a string nor an object"}


def test_standard_input_is_read_with_a_hyphen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((HONEST + ATTACK).encode())))
    assert run(["threats", "check", "-"]) == 1
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 2
    assert captured.err == "2 lines: 1 attacks, 1 without, 0 not readable\n"


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["threats", "check", str(tmp_path / "none.jsonl")]) == 2
    assert "none.jsonl cannot be read: No such file" in capsys.readouterr().err


def test_what_a_request_holds_cannot_write_on_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = json.dumps("GET /?\x1b[2J\ud800<script>=<script>alert(1)</script> HTTP/1.1\r\n\r\n") + "\n"
    assert run(["threats", "check", str(_file(tmp_path, raw))]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.replace("\t", "").isprintable()


def test_help_shows_every_form_of_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    run(["threats", "check", "--help"])
    told = "".join(letter for letter in capsys.readouterr().out if letter.isalnum() or letter in "_{:-")
    for form in ("{request:", "{request_base64:", "{method:", "{value:", "JSONL", "free_text", "--json"):
        assert form in told


def test_bytes_that_are_no_text_are_a_bad_line(tmp_path: Path) -> None:
    file = tmp_path / "bytes.jsonl"
    file.write_bytes(b'{"value": "\xff", "field": "query"}\n')
    (answer,) = answers(file)
    assert "no UTF-8" in as_record(answer)["error"]
