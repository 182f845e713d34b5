"""The key table against a plain dict, and the label text that comes out of it."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from steersman.engine.series.json_labels import labels_json
from steersman.engine.series.key_table import KeyTable, hash_bytes
from steersman.model.labels import canonical, encode_labels

keys = st.binary(max_size=20) | st.sampled_from([b"", b"\0", b"\0" * 8, b"\0" * 9, b"a" * 300])
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
values = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(st.lists(st.tuples(st.integers(0, 2), st.lists(keys, max_size=30)), max_size=12))
def test_numbers_are_those_of_a_dict_that_counts_first_appearances(batches: list[tuple[int, list[bytes]]]) -> None:
    table, model = KeyTable(), dict[tuple[int, bytes], int]()
    for scope, batch in batches:
        expected = [model.setdefault((scope, key), len(model)) for key in batch]
        assert table.add_many(batch, scope).tolist() == expected
    for (scope, key), number in model.items():
        assert (table.find(key, scope), table.key(number), table.scope(number)) == (number, key, scope)
    assert table.size == len(model)
    assert all(table.find(key, 3) == -1 for _, key in model)


def test_a_table_that_grows_through_every_doubling_keeps_what_it_had() -> None:
    table = KeyTable()
    wanted = [f"key-{number}".encode() for number in range(20_000)]
    for first in range(0, len(wanted), 777):
        table.add_many(wanted[first : first + 777])
    assert table.add_many(wanted).tolist() == list(range(20_000))
    assert table.find(b"key-20000") == -1


def test_keys_that_fall_into_one_slot_are_told_apart_and_absent_ones_are_not_found() -> None:
    """The slot is the low bits of the hash, so keys that share those are probed one after the other."""
    table = KeyTable()
    mask = table.slots.size - 1
    crowded: list[bytes] = []
    number = 0
    while len(crowded) < 40:
        key = number.to_bytes(4, "little")
        if int(hash_bytes(np.frombuffer(key, np.uint8), 0, 4, 0)) & mask == mask:
            crowded.append(key)
        number += 1
    present, absent = crowded[:30], crowded[30:]
    assert table.add_many(present).tolist() == list(range(30))
    assert table.add_many(present).tolist() == list(range(30))
    assert [table.find(key) for key in absent] == [-1] * 10


def test_a_key_is_found_by_all_of_its_bytes_and_not_by_its_hash_alone() -> None:
    table = KeyTable()
    table.add_many([b"abcdefgh"])
    table.hashes[0] = int(hash_bytes(np.frombuffer(b"abcdefgX", np.uint8), 0, 8, 0))
    slots = np.zeros_like(table.slots)
    slots[int(table.hashes[0]) & (slots.size - 1)] = 1
    table.slots = slots
    assert table.find(b"abcdefgX") == -1


@given(st.lists(st.dictionaries(names, values.filter(bool), max_size=6), max_size=8))
def test_label_text_is_the_json_of_the_labels(sets: list[dict[str, str]]) -> None:
    texts = labels_json([encode_labels(canonical(labels)) for labels in sets])
    assert [json.loads(text) for text in texts] == sets
