"""What every cause looks like: one table, to be read and corrected by whoever knows better.

The weights were set by hand from what the causes do, and are kept honest by the scenarios of the tests and of the
drill. It names no service and no action.
"""

from __future__ import annotations

from steersman.engine.diagnose.signs import (
    Fact,
    Signature,
    callers,
    calls,
    dependents,
    high,
    host,
    low,
    needs,
    own,
    stuck,
    words,
)
from steersman.model.changes import ChangeKind
from steersman.model.entities import CauseKind
from steersman.model.findings import Aspect

_SUFFERING = (own(Aspect.ERRORS, 0.7), high(Aspect.LATENCY, 0.7))
_BROKEN_BY_CHANGE = (
    own(Aspect.ERRORS, 1.2),
    high(Aspect.LATENCY, 1.0),
    own(Aspect.AVAILABILITY, 2.0),
    own(Aspect.RESTARTS, 0.5),
    high(Aspect.MEMORY, 1.2),
    high(Aspect.CPU, 0.8),
    high(Aspect.LOG_VOLUME, 0.4),
    own(Aspect.LOG_PATTERN, 0.4),
    low(Aspect.PROGRESS, 0.5),
    own(Aspect.INTEGRITY, 0.5),
    callers(Aspect.ERRORS, 1.0),
    callers(Aspect.LATENCY, 0.7),
    calls(Aspect.ERRORS, 1.2),
    calls(Aspect.LATENCY, 0.8),
)

SIGNATURES: tuple[Signature, ...] = (
    Signature(
        cause=CauseKind.CRASH,
        because="a crash of {entity}",
        settle_seconds=4.0,
        signs=(
            own(Aspect.AVAILABILITY, 3.2),
            own(Aspect.RESTARTS, 0.6),
            own(Aspect.SOURCE, 0.3),
            callers(Aspect.ERRORS, 0.8),
            callers(Aspect.LATENCY, -0.6),
            high(Aspect.LATENCY, -0.5),
            high(Aspect.MEMORY, -0.7),
            high(Aspect.DESCRIPTORS, -1.0),
            high(Aspect.DISK, -1.5),
            dependents(Aspect.ERRORS, 0.3),
        ),
        words=(
            words(r"exited|exit code|killed|segfault|core dumped|panic|connection refused|refused", 1.2),
            words(r"time[d]?[ -]?out|no answer", -1.2),
            words(r"runs \(process", -2.5),
        ),
        facts={Fact.REPEATS: -4.0, Fact.CHANGED: -4.0, Fact.CROWDED: -1.5},
    ),
    Signature(
        cause=CauseKind.CRASH_LOOP,
        because="repeated crashes of {entity}",
        signs=(own(Aspect.RESTARTS, 2.5), own(Aspect.AVAILABILITY, 1.0), callers(Aspect.ERRORS, 0.3)),
        facts={Fact.REPEATS: 3.2, Fact.CHANGED: -3.5},
        words=(words(r"back-?off|crash ?loop|restarted \d+ times|keeps (?:exiting|crashing)", 2.5),),
    ),
    Signature(
        cause=CauseKind.HANG,
        because="a hang of {entity}",
        settle_seconds=4.0,
        signs=(
            own(Aspect.AVAILABILITY, 2.6),
            low(Aspect.PROGRESS, 2.6),
            stuck(Aspect.PROGRESS, 1.0),
            low(Aspect.CPU, 1.0),
            callers(Aspect.LATENCY, 1.4),
            callers(Aspect.ERRORS, 0.3),
            high(Aspect.LATENCY, 0.4),
            high(Aspect.QUEUE, 0.5),
            own(Aspect.RESTARTS, -0.4),
            low(Aspect.TRAFFIC, 0.2),
            high(Aspect.CPU, -0.8),
            # What has run out explains why nobody answers.
            high(Aspect.DESCRIPTORS, -1.5),
            high(Aspect.DISK, -1.5),
        ),
        # Who gets no turn on the processor answers no more than who hangs.
        facts={
            Fact.IDLE: -3.0,
            Fact.NEEDS_TROUBLED: -1.0,
            Fact.CHANGED: -2.5,
            Fact.RESOURCE: -1.0,
            Fact.CROWDED: -4.0,
        },
        words=(
            words(r"time[d]?[ -]?out|no answer|not responding|stuck|deadlock|heartbeat", 1.3),
            words(r"exited|exit code|killed|segfault|refused", -2.0),
        ),
    ),
    Signature(
        cause=CauseKind.MEMORY_LEAK,
        because="a memory leak in {entity}",
        signs=(high(Aspect.MEMORY, 3.6), *_SUFFERING, high(Aspect.CPU, 0.2)),
        facts={Fact.FLOODED: -0.8, Fact.CHANGED: -2.0},
        words=(words(r"out of memory|\boom\b|memoryerror|heap|cannot allocate", 2.5),),
    ),
    Signature(
        cause=CauseKind.CPU_SATURATION,
        because="a saturated processor at {entity}",
        settle_seconds=4.0,
        signs=(high(Aspect.CPU, 3.2), *_SUFFERING, host(Aspect.CPU, 0.5), callers(Aspect.LATENCY, 0.4)),
        facts={
            Fact.FLOODED: -2.0,
            Fact.CACHE_COLD: -2.5,
            Fact.APART: -2.5,
            Fact.GUESTS_SUFFER: -0.8,
            Fact.GUEST_BURNS: -2.0,
            Fact.GUEST_DEEPER: -1.5,
            Fact.CHANGED: -2.0,
        },
    ),
    Signature(
        cause=CauseKind.DISK_FULL,
        because="a full disk at {entity}",
        signs=(own(Aspect.DISK, 4.0), own(Aspect.ERRORS, 0.5), callers(Aspect.ERRORS, 0.3)),
        words=(words(r"no space left|enospc|disk quota|quota exceeded|disk (?:is )?full", 3.0),),
    ),
    Signature(
        cause=CauseKind.DESCRIPTOR_LEAK,
        because="a leak of descriptors in {entity}",
        signs=(high(Aspect.DESCRIPTORS, 3.8), own(Aspect.ERRORS, 0.5), own(Aspect.AVAILABILITY, 1.2)),
        facts={Fact.FLOODED: -0.5},
        words=(words(r"too many open files|emfile|enfile", 3.2),),
    ),
    Signature(
        cause=CauseKind.POOL_EXHAUSTION,
        because="an exhausted connection pool of {entity}",
        settle_seconds=4.0,
        signs=(high(Aspect.POOL, 3.8), *_SUFFERING),
        facts={Fact.NEEDS_TROUBLED: -2.0, Fact.CACHE_COLD: -2.0, Fact.FLOODED: -2.0, Fact.CHANGED: -2.0},
        words=(
            words(
                r"queuepool|pool (?:is )?(?:exhausted|empty|timeout)|waiting for a connection|remaining connection", 2.6
            ),
        ),
    ),
    Signature(
        cause=CauseKind.SLOW_DEPENDENCY,
        because="slow answers of {entity}",
        settle_seconds=4.0,
        signs=(
            callers(Aspect.LATENCY, 2.8),
            high(Aspect.LATENCY, 1.2),
            callers(Aspect.ERRORS, 0.1),
            dependents(Aspect.LATENCY, 0.6),
            dependents(Aspect.POOL, 0.4),
            own(Aspect.ERRORS, -0.8),
        ),
        facts={
            Fact.EXTERNAL: 0.8,
            Fact.DOWN: -2.5,
            Fact.RESOURCE: -2.0,
            Fact.CHANGED: -2.5,
            Fact.CALLER_CHANGED: -2.5,
            Fact.CALLER_STRAINED: -2.5,
            Fact.NEEDS_TROUBLED: -2.5,
            Fact.FLOODED: -2.0,
            Fact.OTHERS_FINE: -0.3,
            Fact.CROWDED: -2.5,
            Fact.CACHE_COLD: -3.0,
        },
    ),
    Signature(
        cause=CauseKind.FAILING_DEPENDENCY,
        because="failing calls to {entity}",
        signs=(
            callers(Aspect.ERRORS, 2.8),
            own(Aspect.ERRORS, 1.2),
            callers(Aspect.AVAILABILITY, 2.5),
            dependents(Aspect.ERRORS, 0.6),
        ),
        facts={
            Fact.EXTERNAL: 0.8,
            Fact.DOWN: -2.5,
            Fact.RESOURCE: -2.0,
            Fact.CHANGED: -2.5,
            Fact.CALLER_CHANGED: -2.5,
            Fact.CALLER_STRAINED: -2.5,
            Fact.NEEDS_TROUBLED: -2.5,
            Fact.HEALTHY_INSIDE: -2.0,
            Fact.CROWDED: -2.0,
            Fact.CACHE_COLD: -2.0,
            Fact.OTHERS_FINE: -0.5,
        },
    ),
    Signature(
        cause=CauseKind.BAD_DEPLOY,
        because="a deploy of {entity}",
        settle_seconds=5.0,  # while it goes out, some errors pass
        signs=_BROKEN_BY_CHANGE,
        changes={ChangeKind.DEPLOY: 3.2},
    ),
    Signature(
        cause=CauseKind.BAD_CONFIG,
        because="a changed setting of {entity}",
        settle_seconds=5.0,
        signs=(*_BROKEN_BY_CHANGE, high(Aspect.POOL, 0.8), low(Aspect.CACHE, 0.8), low(Aspect.CONFIGURATION, 2.5)),
        changes={ChangeKind.CONFIG: 3.2, ChangeKind.KNOB: 2.8},
        words=(
            words(r"invalid (?:setting|config\w*|value for)|unknown (?:option|setting)|missing (?:key|setting)", 2.5),
        ),
    ),
    Signature(
        cause=CauseKind.BACKLOG,
        because="a backlog at {entity}",
        settle_seconds=5.0,
        signs=(
            high(Aspect.QUEUE, 3.2),
            high(Aspect.LATENCY, 0.3),
            high(Aspect.PROGRESS, 0.3),
            low(Aspect.PROGRESS, -0.8),
            stuck(Aspect.PROGRESS, -1.5),
        ),
        facts={Fact.SURGE: -2.5, Fact.DOWN: -2.5, Fact.NEEDS_TROUBLED: -1.5, Fact.CHANGED: -1.5, Fact.RESOURCE: -1.5},
    ),
    Signature(
        cause=CauseKind.CACHE_STAMPEDE,
        because="a cache stampede at {entity}",
        settle_seconds=10.0,  # an empty cache fills by itself
        signs=(
            low(Aspect.CACHE, 3.6),
            needs(Aspect.TRAFFIC, 1.0),
            needs(Aspect.CPU, 0.5),
            needs(Aspect.LATENCY, 0.5),
            dependents(Aspect.LATENCY, 0.4),
        ),
        facts={Fact.CONSEQUENCE: -3.0},
        words=(words(r"stampede|cache (?:miss|stampede|flush)", 0.6),),
    ),
    Signature(
        cause=CauseKind.LOCK_CONTENTION,
        because="lock contention at {entity}",
        signs=(high(Aspect.LOCK, 3.8), high(Aspect.LATENCY, 0.7), callers(Aspect.LATENCY, 0.4)),
        facts={Fact.CACHE_COLD: -1.5, Fact.CHANGED: -1.0},
        words=(words(r"lock wait|lock timeout|deadlock detected|could not obtain lock|database is locked", 2.6),),
    ),
    Signature(
        cause=CauseKind.LOG_FLOOD,
        because="a flood of log lines from {entity}",
        settle_seconds=5.0,
        signs=(
            high(Aspect.LOG_VOLUME, 3.4),
            own(Aspect.DISK, 0.4),
            own(Aspect.ERRORS, -1.2),
            own(Aspect.AVAILABILITY, -1.5),
        ),
        facts={Fact.NEEDS_TROUBLED: -1.5, Fact.FLOODED: -0.8, Fact.CHANGED: -1.5},
    ),
    Signature(
        cause=CauseKind.EXPIRED_CERTIFICATE,
        because="an expired certificate of {entity}",
        signs=(own(Aspect.CERTIFICATE, 4.5), callers(Aspect.ERRORS, 0.5), own(Aspect.ERRORS, 0.3)),
        words=(words(r"certificate (?:has |is )?expired|certificate_verify_failed|x509", 3.2),),
    ),
    Signature(
        cause=CauseKind.CLOCK_JUMP,
        because="a clock jump at {entity}",
        signs=(own(Aspect.CLOCK, 4.5),),
        words=(words(r"clock (?:skew|jump|drift)|in the future|time went backwards", 2.5),),
    ),
    Signature(
        cause=CauseKind.NETWORK_LOSS,
        because="a lossy network towards {entity}",
        settle_seconds=5.0,
        signs=(
            own(Aspect.NETWORK, 3.2),
            callers(Aspect.NETWORK, 3.2),
            callers(Aspect.ERRORS, 1.3),
            callers(Aspect.LATENCY, 1.0),
            low(Aspect.TRAFFIC, 0.4),
        ),
        facts={
            Fact.HEALTHY_INSIDE: 2.6,
            Fact.OTHERS_FINE: 0.6,
            Fact.EXTERNAL: -0.8,
            Fact.CROWDED: -3.3,
            Fact.CACHE_COLD: -3.0,
            Fact.FLOODED: -2.0,
            Fact.DOWN: -1.5,
            Fact.RESOURCE: -1.5,
            Fact.CHANGED: -1.5,
            Fact.CALLER_CHANGED: -3.0,
            Fact.CALLER_STRAINED: -3.0,
            Fact.NEEDS_TROUBLED: -1.0,
        },
        words=(words(r"unreachable|no route|connection reset|packet loss|retransmi|timed out connecting", 2.0),),
    ),
    Signature(
        cause=CauseKind.NOISY_NEIGHBOUR,
        because="a noisy neighbour at {entity}",
        settle_seconds=5.0,
        signs=(high(Aspect.CPU, 1.2), high(Aspect.DISK, 0.3), host(Aspect.CPU, 0.8)),
        facts={Fact.APART: 3.4, Fact.GUESTS_SUFFER: 2.6, Fact.GUEST_BURNS: -2.5, Fact.GUEST_DEEPER: -1.5},
    ),
    Signature(
        cause=CauseKind.TRAFFIC_SURGE,
        because="a surge of traffic at {entity}",
        signs=(high(Aspect.TRAFFIC, 3.0), high(Aspect.CPU, 0.6), high(Aspect.LATENCY, 0.3), own(Aspect.ERRORS, -1.0)),
        facts={Fact.ORIGIN: 0.8, Fact.DOWN: -2.0},
    ),
    Signature(
        cause=CauseKind.SOURCE_MISSING,
        because="missing telemetry of {entity}",
        signs=(own(Aspect.SOURCE, 3.6), callers(Aspect.ERRORS, -1.5), callers(Aspect.LATENCY, -1.0)),
        facts={Fact.DOWN: -2.5},
    ),
    Signature(
        cause=CauseKind.ATTACK,
        because="an attack on {entity}",
        signs=(own(Aspect.ACCESS, 3.6), high(Aspect.TRAFFIC, 0.4)),
        words=(words(r"brute.?force|sql injection|failed password|invalid user|credential stuffing", 2.6),),
    ),
    Signature(
        cause=CauseKind.DATA_CORRUPTION,
        because="damaged data of {entity}",
        signs=(own(Aspect.INTEGRITY, 3.6), own(Aspect.ERRORS, 0.4)),
        words=(words(r"corrupt|checksum|\bcrc\b|malformed (?:page|block|database)|damaged", 2.6),),
    ),
    Signature(
        cause=CauseKind.CARDINALITY,
        because="ever new series of {entity}",
        signs=(),
        words=(words(r"cardinality|active series|series limit|new series", 3.4),),
    ),
)

BY_CAUSE = {signature.cause: signature for signature in SIGNATURES}
