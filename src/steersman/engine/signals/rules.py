"""The one table that says what a metric is about, by the naming conventions of Prometheus and OpenTelemetry.

The first rule whose pattern is the whole name decides. `{stem}` in a signal's name is the pattern's group `stem`, so
that `pool_connections_in_use` and `pool_connections_max` meet in `pool_connections:share`. Whatever no rule knows is
watched all the same, as a plain signal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache

from steersman.engine.signals.terms import Across, Formula, Judgement, Reading, Role
from steersman.model.findings import Aspect


@dataclass(frozen=True, slots=True)
class Part:
    """A signal that series of a rule feed. `when` restricts it to series of one sort, see `classify`."""

    signal: str
    aspect: Aspect
    judgement: Judgement
    role: Role = Role.NUMERATOR
    formula: Formula = Formula.SUM
    across: Across = Across.POOLED
    when: str = ""
    replica: Judgement | None = None  # also watched per replica, and judged so


@dataclass(frozen=True, slots=True)
class Rule:
    """How series with a name are read, and what they feed. Without parts they are plain signals of the aspect."""

    names: str
    reading: Reading
    parts: tuple[Part, ...] = ()
    scale: float = 1.0
    aspect: Aspect = Aspect.OTHER
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", re.compile(self.names, re.DOTALL))


_NUM, _DEN, _BOTH = Role.NUMERATOR, Role.DENOMINATOR, Role.BOTH
_GAUGE, _COUNTER = Reading.GAUGE, Reading.COUNTER
_MAX, _MIN = Across.LARGEST, Across.SMALLEST


def _share(stem: str, aspect: Aspect, judgement: Judgement, role: Role, formula: Formula = Formula.RATIO) -> Part:
    return Part(f"{stem}:share", aspect, judgement, role, formula, _MAX)


def _bounded(words: str, aspect: Aspect, judgement: Judgement) -> tuple[Rule, ...]:
    """Something of which there is a limited amount: a gauge of what is used and one of the limit, with one stem."""
    level = Part("{stem}_used:largest", aspect, Judgement.THREADS, across=_MAX)
    used = (_share("{stem}", aspect, judgement, _NUM), level)
    limit = (_share("{stem}", aspect, judgement, _DEN),)
    return (
        Rule(
            rf"(?P<stem>.*(?:{words}).*?)_(?:in_use|used|active|busy|checked_out|current|usage)(?:_bytes)?",
            _GAUGE,
            used,
        ),
        Rule(rf"(?P<stem>.*(?:{words}).*?)_(?:max|limit|quota|capacity|maximum)(?:_bytes)?", _GAUGE, limit),
        Rule(rf"max_(?P<stem>.*(?:{words}).*)", _GAUGE, limit),
    )


def _file_system(role: Role) -> tuple[Part, ...]:
    return (replace(_share("{stem}", Aspect.DISK, Judgement.DISK_SHARE, role, Formula.FREE), when="real_disk"),)


def _durations(unit: str, scale: float) -> tuple[Rule, ...]:
    """The sum and the count of a histogram or summary of how long work takes: their quotient is the mean."""
    stem = rf"(?P<stem>.*(?:duration|latency|latencies|response_time|request_time|rt|elapsed)_{unit})"
    mean = ("{stem}:mean", Aspect.LATENCY, Judgement.LATENCY)
    by_code = (
        Part("{stem}:rate", Aspect.TRAFFIC, Judgement.TRAFFIC, when="outcome"),
        Part("{stem}:error_ratio", Aspect.ERRORS, Judgement.ERROR_RATIO, _BOTH, Formula.RATIO, when="bad"),
        Part("{stem}:error_ratio", Aspect.ERRORS, Judgement.ERROR_RATIO, _DEN, Formula.RATIO, when="good"),
    )
    return (
        Rule(stem + "_sum", _COUNTER, (Part(*mean, _NUM, Formula.RATIO),), scale),
        Rule(stem + "_count", _COUNTER, (Part(*mean, _DEN, Formula.RATIO), *by_code)),
    )


_WORK = (
    Part("{stem}:rate", Aspect.TRAFFIC, Judgement.TRAFFIC),
    Part("{stem}:error_ratio", Aspect.ERRORS, Judgement.ERROR_RATIO, _BOTH, Formula.RATIO, when="bad"),
    Part("{stem}:error_ratio", Aspect.ERRORS, Judgement.ERROR_RATIO, _DEN, Formula.RATIO, when="good"),
)
_RESIDENT = Part("{stem}:largest", Aspect.MEMORY, Judgement.MEMORY, across=_MAX, replica=Judgement.REPLICA)

RULES = (
    # What is nothing to watch by itself.
    Rule(r".*_bucket|scrape_.*|.*_created|ALERTS.*", Reading.IGNORED),
    Rule(r".*_info", Reading.INFO, aspect=Aspect.CONFIGURATION),
    # Does it answer?
    Rule(
        r"(?P<stem>up|probe_success)",
        _GAUGE,
        (Part("{stem}", Aspect.AVAILABILITY, Judgement.UP, formula=Formula.MEAN, replica=Judgement.REPLICA_UP),),
    ),
    Rule(
        r"(?P<stem>(?!node_).+_(?:up|healthy))",
        _GAUGE,
        (Part("{stem}", Aspect.AVAILABILITY, Judgement.UP, across=_MIN),),
    ),
    # Starts and restarts.
    Rule(
        r"(?P<stem>(?:process|container|node)_(?:start|boot)_time_seconds)",
        Reading.STARTED,
        (Part("{stem}:changes", Aspect.RESTARTS, Judgement.RESTARTS, replica=Judgement.REPLICA),),
    ),
    Rule(
        r"(?P<stem>.*restarts?(?:_count)?(?:_total)?)",
        Reading.RESTARTS,
        (Part("{stem}:changes", Aspect.RESTARTS, Judgement.RESTARTS),),
    ),
    # Time and certificates.
    Rule(
        r"(?P<stem>.*(?:cert|ssl|tls).*(?:not_after|expir).*)",
        Reading.EXPIRES,
        (Part("{stem}:left", Aspect.CERTIFICATE, Judgement.CERTIFICATE, across=_MIN),),
    ),
    Rule(
        r"(?P<stem>wall_clock_seconds|node_time_seconds)",
        Reading.WALL,
        (Part("{stem}:offset", Aspect.CLOCK, Judgement.WALL_CLOCK, across=_MAX),),
    ),
    Rule(
        r"(?P<stem>node_timex_offset_seconds)",
        Reading.DISTANCE,
        (Part("{stem}", Aspect.CLOCK, Judgement.CLOCK_OFFSET, across=_MAX),),
    ),
    # Log lines.
    Rule(
        r"(?P<stem>.*(?:log_lines|log_messages|log_events|logback_events|log_records))_total",
        _COUNTER,
        (
            Part("{stem}:rate", Aspect.LOG_VOLUME, Judgement.LOG_LINES),
            Part("{stem}:error_rate", Aspect.LOG_PATTERN, Judgement.ERROR_LINES, when="error_level"),
        ),
    ),
    # Caches and locks.
    Rule(
        r"(?P<stem>.*cache.*)_hits?(?:_total)?",
        _COUNTER,
        (Part("{stem}:hit_ratio", Aspect.CACHE, Judgement.CACHE, _NUM, Formula.PART),),
    ),
    Rule(
        r"(?P<stem>.*cache.*)_miss(?:es)?(?:_total)?",
        _COUNTER,
        (Part("{stem}:hit_ratio", Aspect.CACHE, Judgement.CACHE, _DEN, Formula.PART),),
    ),
    Rule(
        r"(?P<stem>.*(?:lock|mutex)_?(?:wait|contention).*_seconds)(?:_total|_sum)",
        _COUNTER,
        (Part("{stem}:wait", Aspect.LOCK, Judgement.LOCK),),
    ),
    # How long work takes, and how much of it fails.
    Rule(r".*gc_.*_(?:sum|count|total)", _COUNTER),
    *_durations("seconds", 1.0),
    *_durations("milliseconds", 1e-3),
    *_durations("ms", 1e-3),
    *_durations("microseconds", 1e-6),
    Rule(
        # Not those of a machine's devices: a disk from which nobody reads stands still without any harm.
        r"(?!node_)(?P<stem>.+)_(?:processed|completed|finished|consumed|succeeded|done)(?:_total)?",
        _COUNTER,
        (
            Part("{stem}_processed:rate", Aspect.PROGRESS, Judgement.PROGRESS),
            Part("{stem}:failed_part", Aspect.ERRORS, Judgement.ERROR_RATIO, _DEN, Formula.PART),
        ),
    ),
    Rule(
        r"(?P<stem>node_network_(?:receive|transmit)_(?:errs|drop)|.*retrans.*)(?:_total)?",
        _COUNTER,
        aspect=Aspect.NETWORK,
    ),
    Rule(
        r"(?P<stem>.+)_(?:failed|failures?|errors?|exceptions?)_total",
        _COUNTER,
        (
            Part("{stem}_failed:rate", Aspect.ERRORS, Judgement.FAILURES),
            Part("{stem}:failed_part", Aspect.ERRORS, Judgement.ERROR_RATIO, _NUM, Formula.PART),
        ),
    ),
    Rule(
        r"(?P<stem>(?:.*_)?(?:requests?|calls|rpcs?|queries|operations|commands|transactions|handled|spans))_total",
        _COUNTER,
        _WORK,
    ),
    Rule(
        r"(?P<stem>.*(?:in_flight|inflight).*)",
        _GAUGE,
        (Part("{stem}", Aspect.QUEUE, Judgement.IN_FLIGHT),),
    ),
    # Work that waits.
    Rule(
        r"(?P<stem>.*(?:queue|backlog|lag|oldest).*(?:age|lag|delay|wait).*_seconds)",
        _GAUGE,
        (Part("{stem}", Aspect.QUEUE, Judgement.QUEUE_AGE, across=_MAX),),
    ),
    Rule(
        r"(?P<stem>.*(?:pool|connections?).*_(?:waiters|waiting|pending))",
        _GAUGE,
        (Part("{stem}", Aspect.POOL, Judgement.WAITERS),),
    ),
    Rule(
        r"(?P<stem>(?:.*_)?queue(?:_length|_depth|_size|d)?|.*_(?:backlog|pending|consumer_lag))",
        _GAUGE,
        (Part("{stem}", Aspect.QUEUE, Judgement.QUEUE_LENGTH),),
    ),
    # What there is a limited amount of.
    Rule(
        r"process_open_fds",
        _GAUGE,
        (
            _share("process_fds", Aspect.DESCRIPTORS, Judgement.DESCRIPTORS, _NUM),
            Part("process_open_fds:largest", Aspect.DESCRIPTORS, Judgement.THREADS, across=_MAX),
        ),
    ),
    Rule(r"process_max_fds", _GAUGE, (_share("process_fds", Aspect.DESCRIPTORS, Judgement.DESCRIPTORS, _DEN),)),
    Rule(r"node_filefd_allocated", _GAUGE, (_share("node_filefd", Aspect.DESCRIPTORS, Judgement.DESCRIPTORS, _NUM),)),
    Rule(r"node_filefd_maximum", _GAUGE, (_share("node_filefd", Aspect.DESCRIPTORS, Judgement.DESCRIPTORS, _DEN),)),
    Rule(r"(?P<stem>node_filesystem)_avail_bytes", _GAUGE, _file_system(_NUM)),
    Rule(r"(?P<stem>node_filesystem)_size_bytes", _GAUGE, _file_system(_DEN)),
    Rule(r"(?P<stem>node_filesystem_files)_free", _GAUGE, _file_system(_NUM)),
    Rule(r"(?P<stem>node_filesystem_files)", _GAUGE, _file_system(_DEN)),
    Rule(
        r"node_memory_MemAvailable_bytes",
        _GAUGE,
        (_share("node_memory", Aspect.MEMORY, Judgement.MEMORY_SHARE, _NUM, Formula.FREE),),
    ),
    Rule(
        r"node_memory_MemTotal_bytes",
        _GAUGE,
        (_share("node_memory", Aspect.MEMORY, Judgement.MEMORY_SHARE, _DEN, Formula.FREE),),
    ),
    Rule(
        r"(?P<stem>process_resident_memory_bytes|container_memory_(?:working_set|rss)(?:_bytes)?)", _GAUGE, (_RESIDENT,)
    ),
    Rule(r"node_memory_.*|process_virtual_memory.*|go_memstats.*", _GAUGE, aspect=Aspect.MEMORY),
    *_bounded(r"dir|disk|volume|storage|quota", Aspect.DISK, Judgement.DISK_SHARE),
    *_bounded(r"memory|heap", Aspect.MEMORY, Judgement.MEMORY_SHARE),
    *_bounded(r"pool|connections?", Aspect.POOL, Judgement.POOL_SHARE),
    *_bounded(r"fds|file_descriptors|files|sockets", Aspect.DESCRIPTORS, Judgement.DESCRIPTORS),
    *_bounded(r"threads|workers|executor", Aspect.THREADS, Judgement.SHARE),
    # Processors and threads.
    Rule(
        r"node_cpu_seconds_total",
        _COUNTER,
        (
            Part("node_cpu:busy", Aspect.CPU, Judgement.HOST_CPU, _BOTH, Formula.FREE, when="idle"),
            Part("node_cpu:busy", Aspect.CPU, Judgement.HOST_CPU, _DEN, Formula.FREE, when="busy"),
        ),
    ),
    Rule(
        r"(?P<stem>.*cpu(?:_usage)?_seconds)_total",
        _COUNTER,
        (Part("{stem}:rate", Aspect.CPU, Judgement.CPU),),
    ),
    Rule(
        r"(?P<stem>process_threads|go_goroutines|.*threads?(?:_current|_live)?)",
        _GAUGE,
        (Part("{stem}", Aspect.THREADS, Judgement.THREADS),),
    ),
    # The rest is told apart by a word of its name, for diagnosis.
    Rule(r"node_network_.*_total", _COUNTER, aspect=Aspect.NETWORK),
    Rule(r"node_network_.*", _GAUGE, aspect=Aspect.NETWORK),
    Rule(r"node_(?:disk|filesystem)_.*_total", _COUNTER, aspect=Aspect.DISK),
    Rule(r"node_filesystem_.*", Reading.IGNORED),
    Rule(r".*_(?:total|count|sum)", _COUNTER),
    Rule(r".*", _GAUGE),
)


@lru_cache(maxsize=20_000)
def rule_for(name: str) -> tuple[Rule, str]:
    """Return the rule that decides about a metric name, and the stem of the name."""
    for rule in RULES:
        match = rule.pattern.fullmatch(name)
        if match is not None:
            return rule, match.groupdict().get("stem") or name
    raise AssertionError("the last rule knows every name")
