"""Block devices and file systems."""

from __future__ import annotations

import re
from dataclasses import dataclass

from steersman.services.telemetry.logic.host.readings import Pairs, Reading

#: node_exporter's defaults: partitions repeat their disk, and RAM, loop and floppy devices are no disks.
IGNORED_DEVICES = r"^(ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$"
IGNORED_MOUNT_POINTS = r"^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)"
IGNORED_FILE_SYSTEMS = (
    r"^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs"
    r"|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs)$"
)

#: These ask another machine, or a program, for their size, and may never answer.
REMOTE_FILE_SYSTEMS = re.compile(r"^(nfs4?|cifs|smb3?|smbfs|9p|afs|ceph|glusterfs|lustre|ncpfs|sshfs|fuse.*|virtiofs)$")

_SECTOR = 512.0
_MS = 0.001
_FIELDS: tuple[tuple[str, float], ...] = (
    ("node_disk_reads_completed_total", 1),
    ("node_disk_reads_merged_total", 1),
    ("node_disk_read_bytes_total", _SECTOR),
    ("node_disk_read_time_seconds_total", _MS),
    ("node_disk_writes_completed_total", 1),
    ("node_disk_writes_merged_total", 1),
    ("node_disk_written_bytes_total", _SECTOR),
    ("node_disk_write_time_seconds_total", _MS),
    ("node_disk_io_now", 1),
    ("node_disk_io_time_seconds_total", _MS),
    ("node_disk_io_time_weighted_seconds_total", _MS),
    ("node_disk_discards_completed_total", 1),
    ("node_disk_discards_merged_total", 1),
    ("node_disk_discarded_sectors_total", 1),
    ("node_disk_discard_time_seconds_total", _MS),
    ("node_disk_flush_requests_total", 1),
    ("node_disk_flush_requests_time_seconds_total", _MS),
)
_OCTAL = re.compile(r"\\([0-7]{3})")
_IGNORED_DEVICE = re.compile(IGNORED_DEVICES)
_IGNORED_MOUNT_POINT = re.compile(IGNORED_MOUNT_POINTS)
_IGNORED_FILE_SYSTEM = re.compile(IGNORED_FILE_SYSTEMS)


def disk_lines(diskstats: str) -> list[tuple[str, list[str]]]:
    """Return each disk's name and its counters as text; older kernels have fewer of them."""
    lines = []
    for line in diskstats.splitlines():
        _, _, device, *values = line.split()
        if not _IGNORED_DEVICE.match(device):
            lines.append((device, values))
    return lines


def disks(diskstats: str) -> list[Reading]:
    readings: list[Reading] = []
    for device, values in disk_lines(diskstats):
        pairs = (("device", device),)
        readings += [(name, pairs, int(value) * unit) for (name, unit), value in zip(_FIELDS, values, strict=False)]
    return readings


@dataclass(frozen=True, slots=True)
class Mount:
    """One mounted file system that is worth measuring."""

    device: str
    mount_point: str
    type: str
    read_only: bool

    @property
    def pairs(self) -> Pairs:
        return (("device", self.device), ("fstype", self.type), ("mountpoint", self.mount_point))

    @property
    def remote(self) -> bool:
        return bool(REMOTE_FILE_SYSTEMS.match(self.type))


@dataclass(frozen=True, slots=True)
class Usage:
    """What `statvfs` says, in bytes and inodes."""

    size: float
    free: float
    available: float
    files: float
    files_free: float

    @property
    def used_ratio(self) -> float:
        """The share that `df` calls used: what root alone may still take counts as neither."""
        used = self.size - self.free
        return used / (used + self.available) if used + self.available > 0 else 0.0


def mounts(text: str) -> list[Mount]:
    """Read /proc/PID/mounts without the pseudo file systems; a mount that is listed twice counts once."""
    found: dict[Pairs, Mount] = {}
    for line in text.splitlines():
        device, mount_point, kind, options, *_ = line.split(" ")
        mount_point = _plain(mount_point)
        if _IGNORED_MOUNT_POINT.match(mount_point) or _IGNORED_FILE_SYSTEM.match(kind):
            continue
        mount = Mount(_plain(device), mount_point, kind, "ro" in options.split(","))
        found.setdefault(mount.pairs, mount)
    return list(found.values())


def _plain(field: str) -> str:
    """Undo the kernel's escapes for space, tab, newline and backslash."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), field) if "\\" in field else field


def file_system(mount: Mount, usage: Usage | None) -> list[Reading]:
    """Return a mount's readings; without `usage` it could not be asked, and only that is reported."""
    pairs = mount.pairs
    readings: list[Reading] = [
        ("node_filesystem_device_error", pairs, 0.0 if usage else 1.0),
        ("node_filesystem_readonly", pairs, float(mount.read_only)),
    ]
    if usage is None:
        return readings[:1]
    return [
        *readings,
        ("node_filesystem_size_bytes", pairs, usage.size),
        ("node_filesystem_free_bytes", pairs, usage.free),
        ("node_filesystem_avail_bytes", pairs, usage.available),
        ("node_filesystem_files", pairs, usage.files),
        ("node_filesystem_files_free", pairs, usage.files_free),
    ]
