"""Start the platform in the background and stop it again, for `make up` and `make down`.

It refuses to guess: a process counts as ours only while its pid *and* its start time are those that were written down,
so that a stale pid file never stops a stranger. Standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

READY_SECONDS = 60  # the first start compiles what the kernel cache lacks; later ones take about two seconds
STOP_SECONDS = 15  # the platform promises five
LOG_LINES = 30


def start_time(pid: int) -> str | None:
    """The start time of a running process in clock ticks since boot, or None when there is none (or a zombie)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]


def running(pid_file: Path) -> tuple[int, str] | None:
    """The pid and address of the platform that this pid file names, if it still runs."""
    try:
        written = json.loads(pid_file.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    pid, address = int(written["pid"]), str(written["listen"])
    return (pid, address) if start_time(pid) == written["start_time"] else None


def ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/readyz", timeout=2) as answer:  # nosec B310 - http is written here
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def tail(log: Path) -> str:
    return "\n".join(log.read_text("utf-8", "replace").splitlines()[-LOG_LINES:])


def beside(data: Path, suffix: str) -> Path:
    """Log and pid file lie beside the data directory, which takes nothing that is not its own."""
    return data.absolute().with_name(f"{data.name}.{suffix}")


def setup_link(address: str, data: Path) -> str | None:
    """Where the first administrator is made, while there is none."""
    try:
        kept = json.loads((data / "secrets" / "setup-token").read_text("ascii"))
    except (OSError, ValueError):
        return None
    return f"http://{address}/setup?token={kept['token']}" if time.time() < kept["expires_s"] else None


def greet(address: str, data: Path) -> None:
    print(f"Steersman is ready:  http://{address}/")
    if (link := setup_link(address, data)) is not None:
        print(f"Make your account:   {link}")
    if os.environ.get("STEERSMAN_BOOTSTRAP_TOKEN"):
        print("Its token:           the one in STEERSMAN_BOOTSTRAP_TOKEN")
    else:
        print(f"Its token:           {data}/secrets/bootstrap-token")
    print(f"Its log:             {beside(data, 'log')}")
    print("To stop it:          make down")


def launch(data: Path, listen: str, config: Path | None, log: Path, pid_file: Path) -> subprocess.Popen[bytes]:
    command = [str(Path(sys.executable).with_name("steersman")), "up", "--data", str(data), "--listen", listen]
    if config is not None:
        command += ["--config", str(config)]
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    pid_file.write_text(json.dumps({"pid": process.pid, "start_time": start_time(process.pid), "listen": listen}))
    return process


def up(data: Path, listen: str, config: Path | None) -> int:
    pid_file, log = beside(data, "pid"), beside(data, "log")
    if (found := running(pid_file)) is not None:
        address = found[1]
        print(f"It already runs (pid {found[0]}).")
        greet(address, data)
        return 0 if ready(address) else 1
    log.parent.mkdir(parents=True, exist_ok=True)
    log.touch(mode=0o600)  # the token is printed into it once
    process = launch(data, listen, config, log, pid_file)
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            print(f"It stopped with status {process.returncode} before it was ready. The end of {log}:\n{tail(log)}")
            pid_file.unlink(missing_ok=True)
            return 1
        if ready(listen):
            greet(listen, data)
            return 0
        time.sleep(0.1)
    print(f"It runs (pid {process.pid}) but is not ready after {READY_SECONDS} s. The end of {log}:\n{tail(log)}")
    return 1


def down(data: Path) -> int:
    pid_file = beside(data, "pid")
    found = running(pid_file)
    if found is None:
        print("It does not run.")
        pid_file.unlink(missing_ok=True)
        return 0
    pid = found[0]
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + STOP_SECONDS
    while time.monotonic() < end:
        if running(pid_file) is None:
            pid_file.unlink(missing_ok=True)
            print("Stopped.")
            return 0
        time.sleep(0.05)
    print(f"Process {pid} still runs {STOP_SECONDS} s after SIGTERM; see {beside(data, 'log')}.")
    return 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["up", "down"])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--listen", default="127.0.0.1:7600")
    parser.add_argument("--config", type=Path)
    options = parser.parse_args()
    return up(options.data, options.listen, options.config) if options.what == "up" else down(options.data)


if __name__ == "__main__":
    sys.exit(main())
