from __future__ import annotations

import pytest

from steersman.engine.telemetry import TelemetryEngine
from steersman.services.telemetry.commands.prove.numbered import FORMATS, Judgement, Sender, Signal, judge, record_in

SENDER = Sender("s", Signal.LINES, 1_700_000_000_000, size=3)


def test_a_sound_account_is_judged_sound_whatever_became_of_unanswered_requests():
    assert not judge(SENDER, [0, 1, 2], {0}, {1})
    assert not judge(SENDER, [5, 3, 0, 1, 2, 4], {0}, {1})


@pytest.mark.parametrize(
    ("found", "judgement"),
    [
        ([0, 2], Judgement(missing=[1])),
        ([0, 1, 1, 2], Judgement(doubled=[1])),
        ([0, 1, 2, 9], Judgement(strange=[9])),
        ([0, 1, 2, 4], Judgement(half=[1])),
        ([0, 1, 2, 3, 4, 5, 5], Judgement(doubled=[5])),
    ],
)
def test_every_kind_of_wrong_is_named(found: list[int], judgement: Judgement):
    assert judge(SENDER, found, {0}, {1}) == judgement


@pytest.mark.parametrize("signal", [Signal.LINES, Signal.SPANS])
def test_the_decoder_finds_exactly_the_numbers_and_times_of_a_request(signal: Signal):
    sender = Sender("s", signal, 1_700_000_000_000, size=5)
    decoded = TelemetryEngine().decode(FORMATS[signal])(sender.body(2), 1)
    texts, times = (
        (decoded.logs.body, decoded.logs.time_ns) if decoded.logs else (decoded.spans.name, decoded.spans.start_ns)
    )
    assert [record_in(text, sender) for text in texts] == [10, 11, 12, 13, 14]
    assert [time // 1_000_000 for time in times] == [sender.time_ms(record) for record in range(10, 15)]


def test_samples_are_dealt_out_to_lanes_so_that_no_series_has_a_time_twice():
    sender = Sender("s", Signal.SAMPLES, 1_700_000_000_000, size=10, lanes=4)
    series = TelemetryEngine().new_series_set()
    scan = series.scan_remote_write(sender.body(1), series.scope("default"))
    rows = list(zip(scan.series.tolist(), scan.times.tolist(), scan.values.tolist(), strict=True))
    assert sorted(value for _, _, value in rows) == list(range(10, 20))
    assert all(time == sender.time_ms(int(value)) for _, time, value in rows)
    assert len({(one, time) for one, time, _ in rows}) == 10


def test_another_sender_s_line_is_nobody_s_record():
    assert record_in("record 7 of other", SENDER) is None
    assert record_in("nothing", SENDER) is None
