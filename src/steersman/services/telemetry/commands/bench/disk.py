"""`steersman bench disk`: what a sample of real host metrics takes on disk once it is compacted.

The samples are those of a real Prometheus that scraped a real node_exporter every 15 seconds: a file written by
`promtool tsdb dump`, the data folder of such a Prometheus, or a recording made here and now.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import cramjam
import typer

from steersman.engine.decode.proto import remote_write_v1_pb2 as proto
from steersman.engine.telemetry import TelemetryEngine
from steersman.model.errors import InvalidInput, Permanent
from steersman.runtime.clock import SystemClock
from steersman.runtime.telemetry.disk import LocalDisk
from steersman.runtime.telemetry.manifest import MetricBlock
from steersman.runtime.telemetry.store import StoreOptions, TelemetryStore
from steersman.services.telemetry.commands.bench import report, usage
from steersman.services.telemetry.commands.bench.fleet import SAMPLES_A_REQUEST
from steersman.services.telemetry.commands.bench.generator import Connection, Target, request_head
from steersman.services.telemetry.commands.bench.systems import STEERSMAN, TOKEN, Recipe, System, free_port
from steersman.services.telemetry.commands.bench.waiting import pause

_LINE = re.compile(r"\{(.*)\} (\S+) (-?\d+)")
_LABEL = re.compile(r'([^=, ]+)="((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(.)")
_QUIET = "[telemetry.host]\nenabled = false\n"


@dataclass(frozen=True, slots=True)
class Recorded:
    """One sample of the recording: the text of its labels, its value and milliseconds UTC."""

    labels: str
    value: float
    time_ms: int


def parse_dump(lines: Iterable[str]) -> Iterator[Recorded]:
    """Read the lines of `promtool tsdb dump`; raises `InvalidInput` for one that is not of that form."""
    for line in lines:
        found = _LINE.fullmatch(line.rstrip("\n"))
        if found is None:
            raise InvalidInput(f"this is not a line of `promtool tsdb dump`: {line[:100]!r}")
        yield Recorded(found[1], float(found[2]), int(found[3]))


def parse_labels(text: str) -> list[tuple[str, str]]:
    """Read the labels between the braces, sorted by name."""
    return sorted((name, _ESCAPE.sub(_unescaped, value)) for name, value in _LABEL.findall(text))


def _unescaped(found: re.Match[str]) -> str:
    return "\n" if found[1] == "n" else found[1]


def bodies(samples: list[Recorded]) -> Iterator[bytes]:
    """Requests in the order in which the samples were scraped."""
    labels = {
        text: [proto.Label(name=name, value=value) for name, value in parse_labels(text)]
        for text in {sample.labels for sample in samples}
    }
    in_order = sorted(samples, key=lambda sample: (sample.time_ms, sample.labels))
    for at in range(0, len(in_order), SAMPLES_A_REQUEST):
        request = proto.WriteRequest()
        for sample in in_order[at : at + SAMPLES_A_REQUEST]:
            series = request.timeseries.add(labels=labels[sample.labels])
            series.samples.add(value=sample.value, timestamp=sample.time_ms)
        yield bytes(cramjam.snappy.compress_raw(request.SerializeToString()))


def _recipe() -> Recipe:
    def command(folder: Path, port: int) -> list[str]:
        config = folder / "steersman.toml"
        config.write_text(_QUIET)
        return [*STEERSMAN.command(folder, port), "--config", str(config)]

    return Recipe("steersman", command, "/readyz", STEERSMAN.version, TOKEN)


def _send(system: System, samples: list[Recorded]) -> None:
    connection = Connection(system.port)
    head = request_head(Target(system.port, token=TOKEN))
    for body in bodies(samples):
        status, answer = connection.post(head, body)
        if status >= 300:
            raise Permanent(f"the recording was refused with {status}: {answer[:300].decode(errors='replace')}")
    connection.close()


async def _compact(folder: Path) -> tuple[MetricBlock, ...]:
    """Seal and merge everything in a store that nobody has open, and return its blocks."""
    clock = SystemClock()
    store = TelemetryStore(folder, LocalDisk(), TelemetryEngine(), clock, StoreOptions())
    await store.start()
    await store.restore()
    await store.upkeep.seal()
    while await store.upkeep.merge(clock.wall_ns() // 1_000_000):
        pass
    await store.stop()
    return store.manifest.metric_blocks


def _dumped(prometheus_data: Path, match: str) -> list[str]:
    program = shutil.which("promtool")
    if program is None:
        raise Permanent("promtool is not installed: on Debian, apt-get install prometheus")
    done = subprocess.run(
        [program, "tsdb", "dump", f"--match={match}", str(prometheus_data)], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def _recorded_now(folder: Path, minutes: float) -> Path:
    """Run node_exporter and a Prometheus that scrapes it, and return the Prometheus's data folder."""
    programs = [shutil.which(name) for name in ("prometheus-node-exporter", "prometheus")]
    if None in programs:
        raise Permanent("a recording needs prometheus and prometheus-node-exporter: apt-get install both")
    exporter, prometheus = map(str, programs)
    scraped, port = free_port(), free_port()
    config = folder / "prometheus.yml"
    targets = f"scrape_configs: [{{job_name: node, static_configs: [{{targets: ['127.0.0.1:{scraped}']}}]}}]\n"
    config.write_text("global: {scrape_interval: 15s}\n" + targets)
    options = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}", "--log.level=error"]
    running = [
        subprocess.Popen([exporter, f"--web.listen-address=127.0.0.1:{scraped}", "--log.level=error"]),
        subprocess.Popen([prometheus, *options, f"--web.listen-address=127.0.0.1:{port}"]),
    ]
    try:
        pause(minutes * 60)
    finally:
        for process in running:
            process.terminate()
            process.wait()
    return folder / "data"


def _samples(recording: Path | None, prometheus_data: Path | None, minutes: float, match: str) -> list[Recorded]:
    if recording is not None:
        with recording.open() as lines:
            return list(parse_dump(lines))
    if prometheus_data is not None:
        return list(parse_dump(_dumped(prometheus_data, match)))
    with tempfile.TemporaryDirectory(prefix="steersman-record-") as folder:
        return list(parse_dump(_dumped(_recorded_now(Path(folder), minutes), match)))


def measure(samples: list[Recorded]) -> dict[str, Any]:
    """Send the recording, stop the platform, compact, and count."""
    with System(_recipe()) as system:
        _send(system, samples)
        system.stop()
        folder = system.folder / "data" / "telemetry"
        blocks = asyncio.run(_compact(folder))
        kept = sum(block.samples for block in blocks)
        files = [path for path in (folder / "metrics").iterdir() if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        return {
            "samples": kept,
            "series": len({sample.labels for sample in samples}),
            "minutes": (max(one.time_ms for one in samples) - min(one.time_ms for one in samples)) / 60_000,
            "bytes": size,
            "bytes_per_sample": size / kept,
            "bytes_per_sample_without_labels": sum(path.stat().st_size for path in files if ".samples." in path.name)
            / kept,
            "blocks": len(blocks),
            "disk_bytes_whole_store": usage.disk_bytes(folder),
        }


def disk(
    *,
    recording: Annotated[Path | None, typer.Option(help="A file written by `promtool tsdb dump`.")] = None,
    prometheus_data: Annotated[Path | None, typer.Option(help="The data folder of a Prometheus.")] = None,
    minutes: Annotated[float, typer.Option(help="Else record this machine for so long.")] = 30.0,
    match: Annotated[str, typer.Option(help="Which series of the folder.")] = '{job="node"}',
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure the bytes that a sample of host metrics takes after compaction."""
    samples = _samples(recording, prometheus_data, minutes, match)
    if not samples:
        raise InvalidInput("the recording holds no samples")
    report.emit({**report.circumstances([STEERSMAN]), **measure(samples)}, as_json=as_json)
