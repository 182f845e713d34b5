"""How much each sign matters, and who found that. A number without a study behind it says that it is a judgement.

Odds ratios of one study hold for its machines; here they order and roughly size the risk. `fitting` learns better ones
from an owner's own failure records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from steersman.services.maintenance.model.hazard import Part, Rule

_GOOGLE = "Pinheiro et al., Failure Trends in a Large Disk Drive Population (2007), within 60 days of the first"
_BACKBLAZE = "Backblaze, What SMART Stats Tell Us About Hard Drives (2016)"
_DRAM = "Schroeder et al., DRAM Errors in the Wild (2009), lower end"
_JUDGEMENT = "a judgement of this project; no study"

REALLOCATED = Rule("reallocated_sectors", Part.DISK, 14.0, "{value:g} sectors were reallocated", _GOOGLE)
PENDING = Rule("pending_sectors", Part.DISK, 16.0, "{value:g} sectors wait to be reallocated", _GOOGLE)
OFFLINE = Rule("offline_uncorrectable", Part.DISK, 21.0, "{value:g} sectors cannot be read offline", _GOOGLE)
REPORTED = Rule("reported_uncorrectable", Part.DISK, 18.0, "{value:g} errors were not corrected", _BACKBLAZE)
UNHEALTHY = Rule("smart_failed", Part.DISK, 100.0, "the disk's own SMART check says that it fails", _JUDGEMENT)
MEDIA = Rule("media_errors", Part.DISK, 18.0, "{value:g} media errors", f"{_BACKBLAZE}, by analogy for NVMe")
WORN = Rule("worn_out", Part.DISK, 3.0, "{value:g} % of its rated writes are used up", _JUDGEMENT)
HOT_DISK = Rule("hot_disk", Part.DISK, 1.5, "it is {value:g} °C warm", "Pinheiro et al. (2007) found a weak effect")
READ_ONLY = Rule("went_read_only", Part.DISK, 10.0, "a file system on it became read-only", _JUDGEMENT)
IO_ERROR = Rule("io_errors", Part.DISK, 10.0, "the kernel had {value:g} I/O errors", _JUDGEMENT)
FS_ERROR = Rule("file_system_errors", Part.DISK, 5.0, "its file system had {value:g} errors", _JUDGEMENT)
SMARTD = Rule("smartd_warned", Part.DISK, 16.0, "smartd warned {value:g} times", _GOOGLE)
CORRECTED = Rule("corrected_memory_errors", Part.MEMORY, 13.0, "{value:g} memory errors were corrected", _DRAM)
UNCORRECTED = Rule("uncorrected_memory_errors", Part.MEMORY, 50.0, "{value:g} memory errors were not", _JUDGEMENT)
MACHINE_CHECK = Rule("machine_checks", Part.HOST, 15.0, "the processor reported {value:g} hardware errors", _JUDGEMENT)
HOT_HOST = Rule("hot_host", Part.HOST, 2.0, "a sensor shows {value:g} °C", _JUDGEMENT)
THROTTLED = Rule("thermal_throttling", Part.HOST, 1.5, "it was slowed by heat {value:g} times", _JUDGEMENT)
NETWORK = Rule("network_errors", Part.HOST, 1.5, "a network device had {value:g} more receive errors", _JUDGEMENT)
OOM = Rule("out_of_memory", Part.HOST, 1.5, "the kernel ended {value:g} processes for memory", _JUDGEMENT)

Reading = Literal["last", "growth"]


@dataclass(frozen=True, slots=True)
class Probe:
    """A series that tells a sign: its last value, or its growth in a week, above a bound (below it if `below`)."""

    metric: str
    rule: Rule
    reading: Reading = "last"
    above: float = 0.0
    below: bool = False
    labels: Mapping[str, str] | None = None


_RAW = {"attribute_value_type": "raw"}
PROBES = (
    Probe("smartmon_reallocated_sector_ct_raw_value", REALLOCATED),
    Probe("smartmon_current_pending_sector_raw_value", PENDING),
    Probe("smartmon_offline_uncorrectable_raw_value", OFFLINE),
    Probe("smartmon_reported_uncorrect_raw_value", REPORTED),
    Probe("smartmon_device_smart_healthy", UNHEALTHY, above=1.0, below=True),
    Probe("smartmon_temperature_celsius_raw_value", HOT_DISK, above=55.0),
    Probe("smartctl_device_smart_status", UNHEALTHY, above=1.0, below=True),
    Probe("smartctl_device_media_errors", MEDIA),
    Probe("smartctl_device_percentage_used", WORN, above=90.0),
    Probe("smartctl_device_attribute", REALLOCATED, labels=_RAW | {"attribute_name": "Reallocated_Sector_Ct"}),
    Probe("smartctl_device_attribute", PENDING, labels=_RAW | {"attribute_name": "Current_Pending_Sector"}),
    Probe("smartctl_device_attribute", OFFLINE, labels=_RAW | {"attribute_name": "Offline_Uncorrectable"}),
    Probe("node_filesystem_readonly", READ_ONLY, "growth"),
    Probe("node_edac_correctable_errors_total", CORRECTED, "growth"),
    Probe("node_edac_uncorrectable_errors_total", UNCORRECTED, "growth"),
    Probe("node_hwmon_temp_celsius", HOT_HOST, above=95.0),
    Probe("node_cpu_package_throttles_total", THROTTLED, "growth"),
    Probe("node_network_receive_errs_total", NETWORK, "growth", above=100.0),
)

#: What is usual in 30 days, and who found it.
BASE: Mapping[Part, tuple[float, str]] = {
    Part.DISK: (0.0012, "1.4 % a year: Backblaze Drive Stats for 2023"),
    Part.MEMORY: (0.0011, "1.3 % of machines a year have an uncorrectable error: Schroeder et al. (2009)"),
    Part.HOST: (0.004, "5 % a year: a judgement of this project; no study"),
    Part.SERVICE: (0.0, "its own restarts, with a prior of half a restart in 15 days"),
}

ADVICE: Mapping[Part, str] = {
    Part.DISK: "check the backup, then replace the disk",
    Part.MEMORY: "move what runs there, then test and replace the memory module",
    Part.HOST: "move what runs there, then look at cooling, power and the hardware log",
    Part.SERVICE: "find out why it restarts: its last log lines before each start tell",
}
