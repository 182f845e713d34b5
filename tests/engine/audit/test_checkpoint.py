"""The text of a checkpoint: what is built is read back, and nothing else is read at all."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.engine.audit.checkpoint import Checkpoint, Note, NoteKey, parse_note, split_notes
from steersman.model.errors import InvalidInput

names = st.text("abcdefghijklmnopqrstuvwxyz0123456789/.-", min_size=1, max_size=30)
checkpoints = st.builds(
    Checkpoint, names, st.integers(0, 2**63), st.binary(min_size=32, max_size=32), st.integers(0, 2**63)
)
notes = st.builds(Note, checkpoints, names, st.binary(min_size=4, max_size=4), st.binary(min_size=64, max_size=64))
NOTE = Note(Checkpoint("steersman/abc", 7, bytes(32), 9), "steersman/abc", b"1234", bytes(64))


@given(notes)
def test_a_note_is_read_back_as_it_was_written(note: Note) -> None:
    assert parse_note(note.text()) == note


def test_the_text_is_that_of_a_signed_note() -> None:
    """Origin, size and root first, an empty line, then a dash, the key's name, and its id with the signature."""
    head, seal = NOTE.text().split("\n\n")
    assert head.split("\n") == ["steersman/abc", "7", b64encode(bytes(32)).decode(), "time_ns 9"]
    assert seal == f"\u2014 steersman/abc {b64encode(b'1234' + bytes(64)).decode()}\n"


@given(notes, st.integers(0, 400), st.characters())
def test_one_character_more_makes_another_note_or_none(note: Note, place: int, character: str) -> None:
    """There are no two texts for one note, such as 7 and 07, so a note can be compared as text."""
    text = note.text()
    changed = text[:place] + character + text[place:]
    with suppress(InvalidInput):
        assert parse_note(changed) != note


@pytest.mark.parametrize(
    "text",
    [
        "",
        "one line",
        NOTE.text().replace("\n7\n", "\nseven\n"),
        NOTE.text().replace("\n7\n", "\n-7\n"),
        NOTE.text().replace("time_ns ", "time "),
        NOTE.text().replace("AAAA", "AA?A"),
        NOTE.text().replace("\u2014 ", "- "),
        NOTE.text() + "\n",
        "\n" + NOTE.text(),
    ],
)
def test_what_is_no_signed_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_note(text)


@given(st.lists(notes, max_size=4), st.integers(0, 200))
def test_a_file_that_ends_in_half_a_note_gives_the_whole_ones(many: list[Note], cut: int) -> None:
    """What a kill left of the last one is told apart."""
    text = "".join(f"{note.text()}\n" for note in many)
    torn = NOTE.text()[: min(cut, len(NOTE.text()) - 1)]
    found, rest = split_notes(text + torn)
    assert [parse_note(one) for one in found] == many
    assert rest == torn


def test_a_key_is_one_line_that_names_itself() -> None:
    key = NoteKey("steersman/abc", bytes(range(32)))
    assert NoteKey.parse(key.text() + "\n") == key
    assert key.text().startswith(f"steersman/abc+{key.id.hex()}+AQAB")


@pytest.mark.parametrize("change", [("abc", "abd"), ("+AQ", "+AB"), ("AQAB", ""), ("+", " ")])
def test_a_damaged_key_is_refused(change: tuple[str, str]) -> None:
    text = NoteKey("steersman/abc", bytes(range(32))).text()
    with pytest.raises(InvalidInput):
        NoteKey.parse(text.replace(*change))


def test_the_example_key_of_go_s_checksum_database_has_its_published_id() -> None:
    """sum.golang.org publishes its key with the id 033de0ae: computed here the same way."""
    key = NoteKey.parse("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8")
    assert key.id.hex() == "033de0ae"
