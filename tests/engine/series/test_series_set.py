"""Selection against a naive scan over dicts, for several tenants, before and after series are forgotten."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steersman.engine.series.label_index import LabelIndex
from steersman.engine.series.series_set import SeriesSet
from steersman.model.ids import Tenant
from steersman.model.labels import Labels, Matcher, MatchOp, canonical, decode_labels, encode_labels

NAMES = ("__name__", "job", "path", "空")
VALUES = ("", "a", "b", "ab", "a.b", "a\nb", "空", "x" * 200)
#: Patterns that mean the same to RE2 and to Python's `re` with DOTALL.
PATTERNS = ("", ".*", ".+", "a", "a|b", "a|", "a.*", "[ab]+", "(?i)A", "a.b", "空", "^a$", "a||b", "x{200}", "b-|a")
TENANTS = (Tenant("default"), Tenant("other"), Tenant("third"))

label_sets = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES), max_size=4).map(canonical)
owned = st.tuples(st.sampled_from(TENANTS[:2]), label_sets)
exact = st.builds(
    Matcher,
    st.sampled_from((*NAMES, "absent")),
    st.sampled_from([MatchOp.EQUAL, MatchOp.NOT_EQUAL]),
    st.sampled_from(VALUES),
)
by_pattern = st.builds(
    Matcher,
    st.sampled_from((*NAMES, "absent")),
    st.sampled_from([MatchOp.REGEX, MatchOp.NOT_REGEX]),
    st.sampled_from(PATTERNS),
)
matchers = st.lists(exact | by_pattern, max_size=3)
Owned = tuple[Tenant, Labels]


def fulfils(labels: Labels, matcher: Matcher) -> bool:
    value = dict(labels).get(matcher.name, "")
    found = re.fullmatch(matcher.value, value, re.DOTALL) is not None
    return {"=": value == matcher.value, "!=": value != matcher.value, "=~": found, "!~": not found}[matcher.op]


def scanned(series: Sequence[Owned], tenant: Tenant, wanted: Sequence[Matcher]) -> list[int]:
    return [
        number
        for number, (owner, labels) in enumerate(series)
        if owner == tenant and all(fulfils(labels, one) for one in wanted)
    ]


def filled(series: Sequence[Owned]) -> tuple[SeriesSet, list[Owned]]:
    """A set with these series, and the distinct ones in the order of their numbers."""
    made = SeriesSet()
    for tenant, labels in series:
        made.add(made.scope(tenant), [encode_labels(labels)])
    return made, list(dict.fromkeys(series))


def owned_by(made: SeriesSet, number: int) -> Owned:
    return made.tenants[made.keys.scope(int(made.key_of[number]))], decode_labels(made.canonical(number))


@given(st.lists(owned, max_size=25), matchers)
def test_selection_finds_what_a_scan_finds_and_only_for_its_tenant(series: list[Owned], wanted: list[Matcher]) -> None:
    made, model = filled(series)
    for tenant in TENANTS:
        chosen = scanned(model, tenant, wanted)
        assert made.select(tenant, wanted).tolist() == chosen
        pairs = {pair for number in chosen for pair in model[number][1]}
        assert made.label_names(tenant, wanted) == sorted({name for name, _ in pairs})
        for name in (*NAMES, "absent"):
            assert made.label_values(tenant, name, wanted) == sorted(value for key, value in pairs if key == name)


@given(st.lists(owned, max_size=25), st.data())
def test_a_smaller_set_holds_the_chosen_series_under_new_numbers(series: list[Owned], data: st.DataObject) -> None:
    made, model = filled(series)
    chosen = data.draw(st.lists(st.sampled_from(range(len(model))), unique=True)) if model else []
    smaller = made.only(np.array(sorted(chosen), np.int32))
    kept = [model[number] for number in sorted(chosen)]
    assert [owned_by(smaller, number) for number in range(smaller.size)] == kept
    assert smaller.tenants == made.tenants
    wanted = data.draw(matchers)
    for tenant in TENANTS:
        assert smaller.select(tenant, wanted).tolist() == scanned(kept, tenant, wanted)


@given(st.lists(owned, max_size=25), st.integers(0, 25), st.integers(0, 25))
def test_exported_series_can_be_added_to_another_set(series: list[Owned], one: int, other: int) -> None:
    made, model = filled(series)
    first, last = sorted((min(one, made.size), min(other, made.size)))
    scopes, lengths, joined = made.export(first, last)
    ends = np.cumsum([0, *lengths])
    found = [
        (made.tenants[scope], decode_labels(joined[start:end]))
        for scope, start, end in zip(scopes, ends, ends[1:], strict=False)
    ]
    assert found == model[first:last]


@given(st.permutations([("__name__", "m"), ("a", "1"), ("b", "2"), ("c", "3")]))
def test_every_spelling_of_a_label_set_leads_to_its_one_series(pairs: list[tuple[str, str]]) -> None:
    made = SeriesSet()
    scope = made.scope(TENANTS[0])
    [number] = made.add(scope, [encode_labels(canonical(dict(pairs)))]).tolist()
    spelling = encode_labels(tuple(pairs))
    made.add_spelling(scope, spelling, number)
    made.add_spelling(scope, spelling, number)
    [later] = made.add(scope, [encode_labels((("__name__", "n"),))]).tolist()
    assert (made.find(scope, spelling), made.size, later) == (number, 2, 1)
    assert made.find(scope + 1, spelling) == -1
    assert decode_labels(made.canonical(number)) == canonical(dict(pairs))
    assert made.select(TENANTS[0], [Matcher("a", MatchOp.EQUAL, "1")]).tolist() == [number]


def test_a_sender_that_shuffles_its_labels_does_not_fill_the_memory_with_spellings() -> None:
    made = SeriesSet()
    [number] = made.add(made.scope(TENANTS[0]), [b"canonical"]).tolist()
    for attempt in range(20_000):
        made.add_spelling(0, f"spelling {attempt}".encode(), number)
    assert made.keys.size < 10_000
    assert made.add(0, [b"another"]).tolist() == [1]


def test_selection_is_the_same_before_and_after_the_postings_are_rebuilt(monkeypatch: pytest.MonkeyPatch) -> None:
    rebuilt = []
    original = LabelIndex._rebuild_postings
    monkeypatch.setattr(LabelIndex, "_rebuild_postings", lambda self: (rebuilt.append(self.size), original(self)))
    made = SeriesSet()
    scope = made.scope(TENANTS[0])
    odd = [Matcher("parity", MatchOp.EQUAL, "1")]
    for first in range(0, 12_000, 1_500):
        made.add(
            scope,
            [
                encode_labels(canonical({"__name__": "m", "parity": str(n % 2), "n": str(n)}))
                for n in range(first, first + 1_500)
            ],
        )
        last = first + 1_500
        assert made.select(TENANTS[0], odd).tolist() == list(range(1, last, 2))
        assert made.select(TENANTS[0], [Matcher("n", MatchOp.EQUAL, str(last - 1))]).tolist() == [last - 1]
        assert made.select(TENANTS[0], [*odd, Matcher("n", MatchOp.REGEX, ".*99")]).tolist() == list(
            range(99, last, 100)
        )
    assert rebuilt


@settings(max_examples=20)
@given(st.lists(label_sets, min_size=1, max_size=10))
def test_the_only_tenants_values_are_not_shown_to_a_stranger(sets: list[Labels]) -> None:
    made, _ = filled([(TENANTS[0], labels) for labels in sets])
    made.catch_up()
    assert made.label_values(TENANTS[1], "job", ()) == []
    assert made.label_names(TENANTS[1], ()) == []
