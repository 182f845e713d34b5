import json
import math
import random
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram, Info, Summary
from prometheus_client.exposition import generate_latest as to_text
from prometheus_client.openmetrics.exposition import generate_latest as to_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from steersman.engine.decode.exposition import _target, decode, pack
from steersman.model.errors import InvalidInput, UnsupportedMedia
from steersman.model.labels import canonical, decode_labels
from steersman.model.telemetry import MetricMetadata, MetricType

NOW = 1_700_000_000_000_000_000
NOW_MS = NOW // 1_000_000
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def scrape(body, content_type="text/plain; version=0.0.4", **options):
    fields = {"target_labels": (), "honor_labels": False, "honor_timestamps": True, "extra_samples": ()} | options
    return decode(pack(content_type=content_type, body=body, **fields), NOW)


def rows(decoded):
    batch = decoded.metrics
    keys = [decode_labels(key) for key in batch.keys]
    samples = zip(batch.series, batch.times, batch.values, strict=True)
    return [(keys[s], int(t), "nan" if math.isnan(v) else float(v)) for s, t, v in samples]


def as_the_client_reads_it(families):
    """What prometheus_client's parser makes of a page, without a time meaning the time of the scrape."""
    return [
        (
            canonical({"__name__": sample.name, **sample.labels}),
            NOW_MS if sample.timestamp is None else round(float(sample.timestamp) * 1000),
            "nan" if math.isnan(sample.value) else sample.value,
        )
        for family in families
        for sample in family.samples
    ]


@pytest.fixture
def registry():
    """One of each metric of the official client."""
    all_ = CollectorRegistry()
    requests = Counter("requests", 'All "requests"\nwith a \\ in it', ["path", "code"], registry=all_)
    requests.labels('/a "quoted" \\ path\n', "200").inc(3)
    requests.labels("/ü", "404").inc(exemplar={"trace_id": "abc"})
    Gauge("temperature_celsius", "Warmth", registry=all_, unit="celsius").set(float("nan"))
    latency = Histogram("latency_seconds", "How long", registry=all_)
    for value in (0.001, 0.3, 99):
        latency.observe(value, exemplar={"trace_id": f"t{value}"})
    Summary("size_bytes", "How big", registry=all_).observe(float("inf"))
    Info("build", "What runs", registry=all_).info({"version": "1"})
    Enum("state", "How it is", states=["up", "down"], registry=all_).state("down")
    return all_


def test_a_text_page_reads_as_the_official_client_reads_it(registry):
    page = to_text(registry)
    assert rows(scrape(page)) == as_the_client_reads_it(parse_text(page.decode()))


def test_an_openmetrics_page_reads_as_the_official_client_reads_it(registry):
    page = to_openmetrics(registry)
    families = list(parse_openmetrics(page.decode()))
    decoded = scrape(page, OPENMETRICS)
    assert rows(decoded) == as_the_client_reads_it(families)
    exemplars = [sample.exemplar for family in families for sample in family.samples if sample.exemplar]
    assert decoded.exemplars.value == [exemplar.value for exemplar in exemplars]
    assert list(map(json.loads, decoded.exemplars.labels)) == [exemplar.labels for exemplar in exemplars]
    assert decoded.exemplars.time_ms == [int(float(exemplar.timestamp) * 1000) for exemplar in exemplars]
    found = {(one.name, one.type, one.help, one.unit) for one in decoded.metadata}
    assert found == {(family.name, family.type, family.documentation, family.unit) for family in families}


values = st.floats().map(lambda value: repr(value).replace("inf", "Inf").replace("nan", "NaN"))
names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,4}", fullmatch=True).filter(lambda name: name != "__name__")
label_texts = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), max_size=5
)
labels = st.dictionaries(names, label_texts, max_size=3)
blank = st.sampled_from([" ", "  "])
lines = st.tuples(names, labels, blank, values, st.none() | st.integers(0, NOW_MS))


def written(name, labels, gap, value, time):
    escaped = [(n, v.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")) for n, v in labels.items()]
    inner = ",".join(f'{n}="{v}"' for n, v in escaped)
    return f"{name}{{{inner}}}{gap}{value}" + ("" if time is None else f"{gap}{time}")


def series_of(line):
    return canonical({**line[1], "__name__": line[0]})


@given(st.lists(lines, max_size=8, unique_by=series_of))
def test_any_text_page_reads_as_the_official_client_reads_it_cold_and_warm(page_lines):
    page = "".join(written(*line) + "\n" for line in page_lines)
    expected = as_the_client_reads_it(parse_text(page))
    assert rows(scrape(page.encode())) == expected
    assert rows(scrape(page.encode())) == expected


@pytest.mark.needs("node_exporter")
def test_a_real_page_of_node_exporter_reads_as_the_official_client_reads_it():
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = ["prometheus-node-exporter", f"--web.listen-address={address}"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        page = fetch(f"http://{address}/metrics")
    finally:
        process.terminate()
        process.wait()
    expected = sorted(as_the_client_reads_it(parse_text(page.decode())), key=str)
    assert len(expected) > 200
    for _ in range(2):
        assert sorted(rows(scrape(page)), key=str) == expected


def fetch(url):
    for _ in range(200):
        try:
            with urllib.request.urlopen(url) as answer:
                return answer.read()
        except urllib.error.URLError:
            time.sleep(0.05)
    pytest.fail(f"{url} does not answer")


def labels_of(body, **options):
    (key,) = scrape(body, **options).metrics.keys
    return dict(decode_labels(key))


def test_labels_of_the_target_win_and_the_scraped_ones_are_renamed():
    found = labels_of(b'a{job="mine",x="1"} 1\n', target_labels=(("instance", "h:1"), ("job", "node")))
    assert found == {"__name__": "a", "job": "node", "exported_job": "mine", "instance": "h:1", "x": "1"}


def test_with_honor_labels_the_scraped_ones_win():
    target = (("instance", "h:1"), ("job", "node"))
    found = labels_of(b'a{job="mine",instance=""} 1\n', target_labels=target, honor_labels=True)
    assert found == {"__name__": "a", "job": "mine"}


def test_times_are_ignored_unless_they_are_honored():
    assert [time for _, time, _ in rows(scrape(b"a 1 5\n"))] == [5]
    assert [time for _, time, _ in rows(scrape(b"a 1 5\n", honor_timestamps=False))] == [NOW_MS]


def test_the_scrapers_own_samples_get_the_labels_of_the_target():
    decoded = scrape(b"", target_labels=(("job", "node"),), extra_samples=[("up", 0.0), ("scrape_seconds", 0.25)])
    expected = [("scrape_seconds", 0.25), ("up", 0.0)]
    assert sorted(rows(decoded)) == [((("__name__", n), ("job", "node")), NOW_MS, v) for n, v in expected]


def test_help_and_type_are_given_by_family():
    page = b"# a comment\n# HELP a one\\ntwo\\\\\n# TYPE a counter\n  # TYPE b untyped\na 1\n"
    assert scrape(page).metadata == (
        MetricMetadata("a", MetricType.COUNTER, "one\ntwo\\"),
        MetricMetadata("b", MetricType.UNKNOWN),
    )


def test_quoted_names_may_be_any_text():
    assert labels_of('{"my.metric","a.b"="ü",c="d"} 1\n'.encode()) == {"__name__": "my.metric", "a.b": "ü", "c": "d"}
    assert labels_of(b'm{"a b"="1"} 1\n') == {"__name__": "m", "a b": "1"}


def test_blanks_and_tabs_mean_the_same_on_a_known_line():
    for _ in range(2):
        assert rows(scrape(b"a 1\nb\t2\t7\nc 3\t8\n")) == [
            ((("__name__", "a"),), NOW_MS, 1.0),
            ((("__name__", "b"),), 7, 2.0),
            ((("__name__", "c"),), 8, 3.0),
        ]


WRONG = [
    b"a 1",
    b"a\n",
    b"a \n",
    b"a x\n",
    b"a 1_0\n",
    b"a 0x10\n",
    b"a 1 1.5\n",
    b"a 1 2 3\n",
    b"a 1\r\n",
    b"a 1 99999999999999999\n",
    b"a 1 -5\n",
    b"1a 1\n",
    b"a{ 1\n",
    b"a} 1\n",
    b"a{b} 1\n",
    b"a{b=c} 1\n",
    b'a{b="c} 1\n',
    b'a{b="c"\n',
    b'a{b="c"}\n',
    b'a{b="c" d="e"} 1\n',
    b"a{,} 1\n",
    b'a{b="c",,} 1\n',
    b'a{b="c",b="d"} 1\n',
    b'a{""="d"} 1\n',
    b'a{__name__="d"} 1\n',
    b'{b="c"} 1\n',
    b'a{"b"} 1\n',
    b'{"a","b"} 1\n',
    b'a{b="\xff"} 1\n',
    b"# TYPE a thing\n",
    b"# HELP a \xff\n",
    b"a 1\na 2\n",
    b'a{b="c"} 1\na{b="c"} 2\n',
    b'a 1 # {b="c"} 1\n',
]


@pytest.mark.parametrize("page", WRONG)
def test_a_text_page_that_breaks_the_format_is_refused_cold_and_warm(page):
    scrape(b'a 1\nb 1\na{b="c"} 1\n')
    for _ in range(2):
        with pytest.raises(InvalidInput):
            scrape(page)


@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"a 1\n",
        b"a 1\n# EOF\na 1\n",
        b"a 1\n# EOF\n\n",
        b"\na 1\n# EOF\n",
        b"# comment\n# EOF\n",
        b"a 1 1e400\n# EOF\n",
        b"a 1 nan\n# EOF\n",
        b"a 1 # x\n# EOF\n",
        b"a 1 # {}\n# EOF\n",
        b'a 1 # {b="c"} x\n# EOF\n',
        b'a 1 # {b="c"} 1 -1\n# EOF\n',
        b'a 1 # {b="c"} 1 1 # {}\n# EOF\n',
        b'a 1 # {"b"} 1\n# EOF\n',
    ],
)
def test_an_openmetrics_page_that_breaks_the_format_is_refused(page):
    with pytest.raises(InvalidInput):
        scrape(page, OPENMETRICS)


def test_openmetrics_counts_time_in_seconds_and_allows_an_exemplar_without_one():
    decoded = scrape(b'a 1 1.5 # {b="c"} 2\na 2 2.5\n# EOF', OPENMETRICS)
    assert [time for _, time, _ in rows(decoded)] == [1500, 2500]
    assert decoded.exemplars.time_ms == [NOW_MS]


def test_another_content_type_is_not_read():
    for content_type in ("text/html", "application/vnd.google.protobuf"):
        with pytest.raises(UnsupportedMedia):
            scrape(b"", content_type)


@pytest.mark.parametrize("record", [b"", b"{}", b"{}\n[]\n", b"[]\n[]\n", b'{"content_type": 1}\n[]\n'])
def test_a_record_without_its_two_lines_is_refused(record):
    with pytest.raises(InvalidInput):
        decode(record, NOW)


def test_what_is_remembered_of_a_target_is_bounded_by_its_page():
    header = pack(
        content_type="", target_labels=(), honor_labels=True, honor_timestamps=False, extra_samples=(), body=b""
    )
    for round_ in range(100):
        lines = b"".join(b"series_%d_%d 1\n" % (round_, number) for number in range(50))
        decode(header + lines, NOW)
    assert len(_target(header.partition(b"\n")[0]).known) <= 1100


def test_a_mutated_page_reads_the_same_cold_and_warm_or_is_refused_both_times(registry):
    chance = random.Random(11)
    for content_type, plain in (("text/plain", to_text(registry)), (OPENMETRICS, to_openmetrics(registry))):
        accepted = 0
        for _ in range(1500):
            page = bytearray(plain)
            for _ in range(chance.randint(1, 3)):
                page[chance.randrange(len(page))] = chance.choice([*range(9, 11), *range(32, 129)])
            scrape(plain, content_type)
            warm = outcome(bytes(page), content_type)
            _target.cache_clear()
            assert outcome(bytes(page), content_type) == warm
            accepted += warm is not None
        assert accepted > 100


def outcome(page, content_type):
    try:
        return rows(scrape(page, content_type))
    except InvalidInput:
        return None
