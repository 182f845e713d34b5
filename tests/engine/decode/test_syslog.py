import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.engine.decode.syslog import decode, pack, split_frames
from steersman.model.errors import InvalidInput
from steersman.model.telemetry import LogColumns


def ns(*date):
    return int(datetime(*date, tzinfo=UTC).timestamp()) * 1_000_000_000


NOW = ns(2026, 11, 20, 12)


@dataclass(frozen=True)
class Message:
    body: bytes
    peer: str = ""
    received_ns: int = NOW


def read(body, **fields):
    logs = decode(pack([Message(body, **fields)]), 0).logs
    (row,) = zip(logs.time_ns, logs.severity, logs.service, logs.body, logs.attributes, strict=True)
    return (*row[:4], json.loads(row[4]))


def test_the_examples_of_rfc_5424_are_read():
    first = "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \ufeff'su root' failed on /dev/pts/8"
    assert read(first.encode()) == (
        ns(2003, 10, 11, 22, 14, 15) + 3_000_000,
        18,
        "su",
        "'su root' failed on /dev/pts/8",
        {"host.name": "mymachine.example.com", "syslog.msg_id": "ID47", "syslog.facility.code": 4},
    )
    second = b"<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts."
    time_ns, severity, app, text, attributes = read(second)
    assert time_ns == ns(2003, 8, 24, 12, 14, 15) + 3000
    assert (severity, app, text) == (10, "myproc", "%% It's time to make the do-nuts.")
    assert attributes["syslog.proc_id"] == "8710"
    third = (
        b'<165>1 2003-10-11T22:14:15.003Z host evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="App"]'
        b'[examplePriority@32473 class="high \\"x\\" \\] \\\\"]'
    )
    assert read(third)[4]["syslog.structured_data"] == {
        "exampleSDID@32473": {"iut": "3", "eventSource": "App"},
        "examplePriority@32473": {"class": 'high "x" ] \\'},
    }


def test_the_examples_of_rfc_3164_are_read():
    time_ns, severity, app, text, attributes = read(b"<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick")
    assert time_ns == ns(2026, 10, 11, 22, 14, 15)
    assert (severity, app, text) == (18, "su", "'su root' failed for lonvick")
    assert attributes == {"host.name": "mymachine", "syslog.facility.code": 4}
    assert read(b"<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!")[2:4] == ("", "Use the BFG!")
    assert read(b"Use the BFG!", peer="10.0.0.7") == (NOW, 0, "", "Use the BFG!", {"network.peer.address": "10.0.0.7"})


@pytest.mark.parametrize(
    ("body", "app", "process", "text"),
    [
        (b"<13>Oct 11 22:14:15 host sshd[42]: hello", "sshd", "42", "hello"),
        (b"<13>Oct 11 22:14:15 sshd[42]: hello", "sshd", "42", "hello"),
        (b"<13>2026-10-11T22:14:15.5+02:00 host cron: hello", "cron", None, "hello"),
        (b"<13>hello", "", None, "hello"),
        (b"<13>hello\0", "", None, "hello"),
        (b"<13>caf\xe9\r\n", "", None, "caf\\xe9"),
        (b"<13>Oct 41 22:14:15 host cron: hello", "cron", None, "hello"),
        (b"<13>1 2026-13-01T00:00:00Z h a - - - hello", "", None, "1 2026-13-01T00:00:00Z h a - - - hello"),
        (b"<13>1 - - - - - -", "", None, ""),
        (b"<13>", "", None, ""),
    ],
)
def test_what_senders_make_of_the_formats_is_kept(body, app, process, text):
    found = read(body)
    assert (found[1], found[2], found[3]) == (10, app, text)
    assert found[4].get("syslog.proc_id") == process


def test_a_priority_outside_its_range_is_a_part_of_the_text():
    assert read(b"<192>x")[:4] == (NOW, 0, "", "<192>x")
    assert read(b"<>x")[3] == "<>x"


@pytest.mark.parametrize(
    ("written", "received", "year"),
    [
        (b"Dec 31 23:59:59", ns(2027, 1, 1, 0, 0, 3), 2026),
        (b"Jan  1 00:00:03", ns(2026, 12, 31, 23, 59, 59), 2027),
        (b"Jun 15 12:00:00", ns(2026, 6, 15, 12), 2026),
        (b"Feb 29 12:00:00", ns(2028, 3, 1), 2028),
        (b"Feb 29 12:00:00", ns(2027, 1, 1), 2028),
    ],
)
def test_a_date_without_a_year_is_put_next_to_its_arrival(written, received, year):
    time_ns = read(b"<13>" + written + b" host app: x", received_ns=received)[0]
    assert datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).year == year


def test_a_time_that_cannot_be_is_replaced_by_the_arrival():
    assert read(b"<13>Feb 29 12:00:00 host app: x", received_ns=ns(2030, 6, 1))[0] == ns(2030, 6, 1)
    assert read(b"<13>1 9999-01-01T00:00:00Z h a - - - x")[0] == NOW


bodies = st.binary(max_size=30)
peers = st.text(st.characters(codec="utf-8"), max_size=5)


@given(st.lists(st.builds(Message, bodies, peers, st.integers(0, 2**63 - 1)), max_size=5))
def test_every_message_of_a_record_is_kept_in_order(messages):
    logs = decode(pack(messages), 0).logs
    assert {len(getattr(logs, name)) for name in LogColumns.__slots__} == {len(messages)}
    assert [json.loads(text).get("network.peer.address", "") for text in logs.attributes] == [m.peer for m in messages]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=40), st.integers(0, 191))
def test_any_text_with_a_priority_is_kept(text, priority):
    _, severity, _, body, _ = read(f"<{priority}>1 - - - - - - {text}".encode())
    assert body == text.removeprefix("\ufeff")
    assert severity == (21, 19, 18, 17, 13, 10, 9, 5)[priority % 8]


def test_a_mutated_message_is_always_kept():
    chance = random.Random(12)
    plain = b'<165>1 2003-10-11T22:14:15.003Z host app 12 ID [id@1 a="b\\"" c="d"] text \xef\xbb\xbf'
    traditional = b"<34>Oct 11 22:14:15 mymachine su[12]: 'su root' failed"
    for number in range(4000):
        body = bytearray(plain if number % 2 else traditional)
        for _ in range(chance.randint(1, 4)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        time_ns, _, _, text, _ = read(bytes(body))
        assert 0 <= time_ns < 2**63
        assert text.encode()


def test_a_long_hostile_message_takes_no_long_time():
    for body in (b"<13>1 - - - - - [a" + b' b="c"' * 10_000, b"<13>Oct 11 22:14:15 " + b"a[" * 30_000):
        assert read(body)[1] == 10


def test_a_damaged_record_is_refused():
    record = pack([Message(b"<13>hello", "peer")])
    for size in range(1, len(record)):
        with pytest.raises(InvalidInput):
            decode(record[:size], 0)
    with pytest.raises(InvalidInput):
        decode(b"\xff" * 8 + record[8:], 0)


texts = st.binary(max_size=20).map(lambda raw: b"<13>" + raw)
lines = texts.map(lambda raw: raw.translate(None, b"\n\0"))


@given(st.lists(st.tuples(texts, lines, st.booleans()), max_size=6), st.integers(1, 7))
def test_a_stream_gives_its_messages_however_it_is_cut(parts, step):
    stream, expected = b"", []
    for counted, line, is_counted in parts:
        stream += b"%d %s" % (len(counted), counted) if is_counted else line + b"\n"
        expected.append(counted if is_counted else line)
    found, rest = [], b""
    for at in range(0, len(stream), step):
        frames, rest = split_frames(rest + stream[at : at + step])
        found += frames
    assert (found, rest) == (expected, b"")


def test_a_line_may_start_with_a_number_and_end_with_a_nul():
    assert split_frames(b"5 apples\n12\nx\0y") == ([b"5 apples", b"12", b"x"], b"y")


def test_a_message_above_the_limit_ends_the_stream_after_those_before_it():
    for broken in (b"x" * 101, b"101 <13>", b"9999999999 <"):
        assert split_frames(b"<13>ok\n" + broken, limit=100) == ([b"<13>ok"], broken)
        with pytest.raises(InvalidInput, match="longer than 100 bytes"):
            split_frames(broken, limit=100)
    assert split_frames(b"x" * 100, limit=100) == ([], b"x" * 100)
