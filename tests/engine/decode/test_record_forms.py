"""Records that lie in the log of some installation: a decoder has to read them as long as their number is in use."""

from steersman.engine.decode import exposition, readings, syslog
from steersman.model.labels import encode_labels

UP = encode_labels((("__name__", "up"), ("job", "a")))


def test_readings_of_the_first_release_are_read():
    record = bytes.fromhex("0068e5cf8b010000010000001a000000") + UP + bytes.fromhex("000000000000f03f")
    batch = readings.decode(record, 0).metrics
    assert (batch.keys, batch.times.tolist(), batch.values.tolist()) == ([UP], [1_700_000_000_000], [1.0])


def test_a_scrape_of_the_first_release_is_read():
    record = (
        b'{"content_type":"text/plain","honor_labels":false,"honor_timestamps":true,"labels":{"job":"a"}}\n'
        b'[["up","1.0"]]\n'
        b"x 2\n"
    )
    batch = exposition.decode(record, 5_000_000).metrics
    assert batch.keys == [UP.replace(b"\x02up", b"\x01x").replace(b"\x0a\x0e", b"\x0a\x0d"), UP]
    assert (batch.times.tolist(), batch.values.tolist()) == ([5, 5], [2.0, 1.0])


def test_syslog_of_the_first_release_is_read():
    record = bytes.fromhex("0700000000000000040005000000") + b"peer" + b"<13>x"
    logs = syslog.decode(record, 0).logs
    assert (logs.time_ns, logs.body, logs.severity) == ([7], ["x"], [10])
    assert logs.attributes == ['{"network.peer.address":"peer","syslog.facility.code":1}']
