"""Reading a machine from a folder that looks like its /proc and /sys."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

import pytest

from steersman.services.telemetry.jobs.machine import Machine, Place, Processes
from steersman.services.telemetry.jobs.mounts import Usages
from steersman.services.telemetry.logic.host.disks import Mount

STAT = "cpu0 100 0 50 1000 10 0 0 0 0 0\nctxt 5\nbtime 1000\n"
SIZES = os.statvfs_result((4096, 4096, 1000, 400, 300, 50, 20, 20, 0, 255))
REMOTE = Mount("nas:/a", "/a", "nfs4", read_only=False)


def tree(root: Path, files: dict[str, str]) -> Place:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Place(root / "proc", root / "sys", statvfs=lambda _path: SIZES, page_size=4096)


def process(pid: int, command: str, ticks: int, *, flags: int = 0) -> str:
    return f"{pid} ({command}) S 1 1 1 0 -1 {flags} 0 0 0 0 {ticks} 0 0 0 20 0 2 0 500 0 10 0 0 0\n"


def test_empty_machine_gives_no_more_than_its_clock_and_name(tmp_path: Path) -> None:
    """A container may hide everything."""
    names = {name for name, _, _ in Machine(tree(tmp_path, {})).readings(10**9)}
    assert names == {"node_time_seconds", "node_uname_info"}
    assert Processes(tree(tmp_path, {}), (), 5).readings() == []
    assert Machine(tree(tmp_path, {})).look(10**9).cores == ()


def test_files_are_read_anew_at_each_pass_and_may_come_and_go(tmp_path: Path) -> None:
    """They stay open between passes; a device that is pulled out takes its files along."""
    place = tree(tmp_path, {"proc/loadavg": "1.0 2.0 3.0 1/2 3\n", "sys/class/net/eth0/mtu": "1500\n"})
    machine = Machine(place)
    assert ("node_load1", (), 1.0) in machine.readings(0)
    (tmp_path / "proc/loadavg").write_text("4.0 2.0 3.0 1/2 3\n")
    assert ("node_load1", (), 4.0) in machine.readings(0)
    tree(tmp_path, {"sys/class/net/eth1/mtu": "9000\n"})
    assert ("node_network_mtu_bytes", (("device", "eth1"),), 9000.0) in machine.readings(0)


def test_look_adds_up_what_the_page_draws(tmp_path: Path) -> None:
    """Bytes of all disks and devices, without the machine's talk to itself."""
    net = "h\nh\n" + "".join(f"{name}: 7 0 0 0 0 0 0 0 5 0 0 0 0 0 0 0\n" for name in ("lo", "eth0", "eth1"))
    files = {
        "proc/stat": STAT,
        "proc/meminfo": "MemTotal: 100 kB\nMemAvailable: 40 kB\nCached: 10 kB\n",
        "proc/diskstats": " 8 0 sda 1 1 2 1 1 1 4 1 0 1 1\n 8 1 sda1 1 1 2 1 1 1 4 1 0 1 1\n",
        "proc/net/dev": net,
        "proc/self/mounts": "/dev/sda1 / ext4 rw 0 0\n",
    }
    look = Machine(tree(tmp_path, files)).look(7_000_000)
    assert (look.time_ms, look.memory_used, look.memory_available) == (7, 60 * 1024, 40 * 1024)
    assert (look.disk_read, look.disk_written, look.net_received, look.net_sent) == (1024, 2048, 14, 10)
    assert look.cores[0].user == 1.0
    assert (look.filesystems[0].mount, look.filesystems[0].used) == ("/", 600 * 4096)


def test_processes_are_grouped_by_rule_command_and_service(tmp_path: Path) -> None:
    """Threads of the kernel are one group; a rule sees the whole command line."""
    files = {
        "proc/stat": STAT,
        "proc/1/stat": process(1, "python3", 100),
        "proc/1/cmdline": "python3\0worker.py\0",
        "proc/1/cgroup": "0::/system.slice/work.service\n",
        "proc/1/io": "read_bytes: 10\nwrite_bytes: 20\n",
        "proc/2/stat": process(2, "bash", 200),
        "proc/3/stat": process(3, "kworker/0:1", 300, flags=0x200000),
    }
    rules = [("workers", re.compile(r"worker\.py"))]
    read = {(name, *pairs): value for name, pairs, value in Processes(tree(tmp_path, files), rules, 5).readings()}
    cpu = {key[1][1]: value for key, value in read.items() if key[0] == "steersman_process_cpu_seconds_total"}
    assert cpu == {"workers": 1.0, "bash": 2.0, "kernel": 3.0}
    assert read["steersman_service_written_bytes_total", ("service", "work.service")] == 20
    assert read["steersman_process_oldest_start_time_seconds", ("group", "bash")] == 1005
    assert read["node_processes_threads",] == 6


def test_dead_file_server_does_not_hold_up_a_pass_and_is_asked_once() -> None:
    """Its answer counts when it comes."""
    release, calls = threading.Event(), []

    def statvfs(path: str) -> os.statvfs_result:
        calls.append(path)
        assert release.wait(10)
        return SIZES

    usages = Usages(statvfs)
    assert usages.measure([REMOTE]) == usages.measure([REMOTE]) == {REMOTE: None}
    release.set()
    assert usages._asked["/a"].done.wait(10)
    usage = usages.measure([REMOTE])[REMOTE]
    assert usage is not None
    assert usage.size == 1000 * 4096
    assert calls == ["/a"]


def test_file_system_that_refuses_is_reported_as_such() -> None:
    """A mount point may lie where this process may not go."""

    def statvfs(_path: str) -> os.statvfs_result:
        raise PermissionError

    assert Usages(statvfs).measure([REMOTE]) == {REMOTE: None}


@pytest.mark.parametrize("text", ["", "1 (a", "1 (a) S 1"])
def test_process_that_ends_while_it_is_read_is_left_out(text: str, tmp_path: Path) -> None:
    """Between the folder's list and the file's content anything can happen."""
    assert Processes(tree(tmp_path, {"proc/1/stat": text}), (), 5).readings() == []
