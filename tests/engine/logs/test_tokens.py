from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from steersman.engine.logs.tokens import tokenize
from steersman.model.search import IDEOGRAPHS, SEPARATORS, WORD_RANGES, fold

texts = st.lists(st.text(st.sampled_from("aZ_9 .-é中文。\u00a0🙂カタ\U00020000 Ж")) | st.text(), max_size=6)


def class_of(sign: str) -> str:
    point = ord(sign)
    if point < 0x80:
        return "word" if sign.isalnum() or sign == "_" else "separator"
    if any(low <= point <= high for low, high in IDEOGRAPHS):
        return "ideograph"
    return "separator" if any(low <= point <= high for low, high in SEPARATORS) else "word"


def oracle(text: str) -> list[str]:
    """Cut a text by writing the class of each character down and looking for runs."""
    classes = "".join(class_of(sign)[0] for sign in text)
    found = [(run.end(), fold(text[run.start() : run.end()])) for run in re.finditer("w+", classes)]
    found += [(at.start() + 2, text[at.start() : at.start() + 2]) for at in re.finditer("(?=ii)", classes)]
    return [token for _, token in sorted(found, key=lambda pair: pair[0])]


def cut(rows: list[bytes]) -> list[list[int]]:
    offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    hashes, at = tokenize(np.frombuffer(b"".join(rows), np.uint8), offsets)
    return [hashes[at == row].tolist() for row in range(len(rows))]


def hash_alone(token: str) -> int:
    (hashes,) = cut([token.encode()])
    assert len(hashes) == 1
    return hashes[0]


@given(texts)
def test_every_token_has_the_hash_that_it_has_when_it_stands_alone(rows: list[str]) -> None:
    expected = [[hash_alone(token) for token in oracle(row)] for row in rows]
    assert cut([row.encode() for row in rows]) == expected


@given(st.lists(st.binary(max_size=12), min_size=1, max_size=5))
def test_bytes_that_are_no_text_change_nothing_in_the_rows_beside_them(rows: list[bytes]) -> None:
    beside = cut([b"before", *rows, b"behind"])
    assert beside[0] == cut([b"before"])[0]
    assert beside[-1] == cut([b"behind"])[0]
    assert beside[1:-1] == [cut([row])[0] for row in rows]


def test_case_is_ignored_for_ascii_letters_only() -> None:
    assert cut([b"TimeOut"]) == cut([b"timeout"])
    assert cut(["É".encode()]) != cut(["é".encode()])


def test_chinese_text_is_cut_into_pairs_and_a_lone_sign_is_no_token() -> None:
    assert [len(row) for row in cut(["数据库".encode(), "库".encode(), "库。据".encode()])] == [2, 0, 0]


def test_text_without_rows_has_no_tokens() -> None:
    hashes, rows = tokenize(np.empty(0, np.uint8), np.zeros(1, np.int64))
    assert (len(hashes), len(rows)) == (0, 0)


def test_every_code_point_beyond_ascii_has_exactly_one_class() -> None:
    ranges = sorted((*IDEOGRAPHS, *SEPARATORS, *WORD_RANGES, (0xD800, 0xDFFF)))
    assert ranges[0][0] == 0x80
    assert ranges[-1][1] == 0x10FFFF
    assert all(before[1] + 1 == after[0] for before, after in pairwise(ranges))
