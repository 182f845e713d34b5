"""The type and meaning of every metric that the host collector writes."""

from __future__ import annotations

from steersman.model.telemetry import MetricMetadata, MetricType

#: node_exporter does not say what the fields of these are, and neither does the kernel.
_UNTYPED = ("node_vmstat_", "node_netstat_")

_HELP = {
    "up": "1 while the host collector reads this machine.",
    "scrape_duration_seconds": "Seconds that one pass over this machine took.",
    "node_boot_time_seconds": "When this machine started, in unix time.",
    "node_context_switches_total": "Context switches.",
    "node_cpu_guest_seconds_total": "Seconds the processors spent in guests (virtual machines) in each mode.",
    "node_cpu_seconds_total": "Seconds the processors spent in each mode.",
    "node_entropy_available_bits": "Bits of entropy that are available.",
    "node_entropy_pool_size_bits": "Bits of entropy that the pool holds at most.",
    "node_filefd_allocated": "File descriptors in use on this machine.",
    "node_filefd_maximum": "File descriptors that this machine allows.",
    "node_filesystem_avail_bytes": "Bytes that users other than root may still write.",
    "node_filesystem_device_error": "1 when the file system could not be asked for its size.",
    "node_filesystem_files": "Inodes of the file system.",
    "node_filesystem_files_free": "Inodes that are free.",
    "node_filesystem_free_bytes": "Bytes that are free, those kept for root included.",
    "node_filesystem_readonly": "1 when the file system is mounted read-only.",
    "node_filesystem_size_bytes": "Size of the file system.",
    "node_forks_total": "Processes that were started since boot.",
    "node_intr_total": "Interrupts served.",
    "node_load1": "Runnable and waiting tasks, averaged over 1 minute.",
    "node_load5": "Runnable and waiting tasks, averaged over 5 minutes.",
    "node_load15": "Runnable and waiting tasks, averaged over 15 minutes.",
    "node_network_info": "What a network device says of itself, as labels; always 1.",
    "node_network_up": "1 when the device's operational state is up.",
    "node_pressure_cpu_waiting_seconds_total": "Seconds in which some task waited for a processor.",
    "node_pressure_io_stalled_seconds_total": "Seconds in which every task waited for input or output.",
    "node_pressure_io_waiting_seconds_total": "Seconds in which some task waited for input or output.",
    "node_pressure_memory_stalled_seconds_total": "Seconds in which every task waited for memory.",
    "node_pressure_memory_waiting_seconds_total": "Seconds in which some task waited for memory.",
    "node_processes_pids": "Processes on this machine.",
    "node_processes_state": "Processes in each state.",
    "node_processes_threads": "Threads on this machine.",
    "node_procs_blocked": "Tasks that wait for input or output.",
    "node_procs_running": "Tasks that can run.",
    "node_time_seconds": "This machine's clock, in unix time.",
    "node_uname_info": "The kernel, as labels; always 1.",
}

#: By the end of the name, for the groups of processes and of services alike.
_GROUP_HELP = {
    "cpu_seconds_total": "Seconds of processor time, of members that have ended too.",
    "read_bytes_total": "Bytes that were read from storage, by members that have ended too.",
    "written_bytes_total": "Bytes that were written to storage, by members that have ended too.",
    "resident_memory_bytes": "Resident memory; pages that members share count for each of them.",
    "threads": "Threads.",
    "open_fds": "Open file descriptors of the members that may be asked.",
    "count": "Members.",
    "oldest_start_time_seconds": "When the oldest member started, in unix time.",
}


def describe(name: str) -> MetricMetadata:
    return MetricMetadata(name, _type(name), _help(name))


def _type(name: str) -> MetricType:
    if name.startswith(_UNTYPED):
        return MetricType.UNKNOWN
    return MetricType.COUNTER if name.endswith("_total") else MetricType.GAUGE


def _help(name: str) -> str:
    if name in _HELP:
        return _HELP[name]
    for prefix in ("steersman_process_", "steersman_service_"):
        if name.startswith(prefix):
            return _GROUP_HELP[name.removeprefix(prefix)]
    _, subsystem, field = name.split("_", 2)
    return f"The kernel's {subsystem} figure {field}."
