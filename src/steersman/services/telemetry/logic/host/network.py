"""Network devices, sockets and protocol counters."""

from __future__ import annotations

import re

from steersman.services.telemetry.logic.host.readings import Pairs, Reading

_RECEIVE = ("bytes", "packets", "errs", "drop", "fifo", "frame", "compressed", "multicast")
_TRANSMIT = ("bytes", "packets", "errs", "drop", "fifo", "colls", "carrier", "compressed")
_COLUMNS = tuple(f"node_network_receive_{name}_total" for name in _RECEIVE) + tuple(
    f"node_network_transmit_{name}_total" for name in _TRANSMIT
)

#: Files of /sys/class/net/<device> with one number, and the metric and factor for each.
DEVICE_NUMBERS: tuple[tuple[str, str, float], ...] = (
    ("carrier", "node_network_carrier", 1),
    ("carrier_changes", "node_network_carrier_changes_total", 1),
    ("mtu", "node_network_mtu_bytes", 1),
    ("speed", "node_network_speed_bytes", 1_000_000 / 8),
    ("tx_queue_len", "node_network_transmit_queue_length", 1),
)
#: Files of /sys/class/net/<device> that describe it in words.
DEVICE_WORDS = ("address", "broadcast", "duplex", "ifalias", "operstate")

#: node_exporter's default selection of the some 400 counters.
_KEPT = re.compile(
    r"^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)"
    r"|TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts)"
    r"|Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)"
    r"|Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$"
)


def device_lines(net_dev: str) -> list[tuple[str, list[str]]]:
    """Return each device's name and its sixteen counters of /proc/net/dev as text."""
    lines = []
    for line in net_dev.splitlines()[2:]:
        # An alias such as eth0:1 has a colon in its name, the counters have none.
        device, _, values = line.rpartition(":")
        lines.append((device.strip(), values.split()))
    return lines


def traffic(net_dev: str) -> list[Reading]:
    readings: list[Reading] = []
    for device, values in device_lines(net_dev):
        pairs = (("device", device),)
        readings += [(name, pairs, float(value)) for name, value in zip(_COLUMNS, values, strict=False)]
    return readings


def device(name: str, files: dict[str, str]) -> list[Reading]:
    """Return one device's state from the files named above; a device that is down lacks some of them."""
    pairs = (("device", name),)
    readings: list[Reading] = [
        (metric, pairs, float(files[file]) * factor) for file, metric, factor in DEVICE_NUMBERS if files.get(file)
    ]
    words: Pairs = (("device", name), *((word, files[word]) for word in DEVICE_WORDS if files.get(word)))
    readings.append(("node_network_info", words, 1.0))
    readings.append(("node_network_up", pairs, float(files.get("operstate") == "up")))
    return readings


class Protocols:
    """Reads the tables of /proc/net/netstat and snmp, and remembers which columns it keeps.

    The header lines are long and change only with the kernel, so a header is parsed once.
    """

    def __init__(self) -> None:
        self._columns: dict[str, tuple[tuple[int, str], ...]] = {}

    def counters(self, table: str) -> list[Reading]:
        """Read pairs of lines, names above values."""
        lines = table.splitlines()
        readings: list[Reading] = []
        for header, values in zip(lines[::2], lines[1::2], strict=False):
            columns = self._columns.get(header)
            if columns is None:
                columns = self._columns[header] = _kept_columns(header)
            if columns:
                numbers = values.split()
                readings += [(name, (), float(numbers[at])) for at, name in columns]
        return readings


def _kept_columns(header: str) -> tuple[tuple[int, str], ...]:
    protocol, *names = header.split()
    full = ((at, protocol.rstrip(":") + "_" + name) for at, name in enumerate(names, start=1))
    return tuple((at, "node_netstat_" + name) for at, name in full if _KEPT.match(name))


def counters_6(snmp6: str) -> list[Reading]:
    """Read /proc/net/snmp6: one counter a line, the protocol's name ends with its 6."""
    readings: list[Reading] = []
    for line in snmp6.splitlines():
        name, value = line.split()
        protocol, six, field = name.partition("6")
        full = f"{protocol}{six}_{field}"
        if _KEPT.match(full):
            readings.append(("node_netstat_" + full, (), float(value)))
    return readings


def sockets(sockstat: str, page_size: int) -> list[Reading]:
    """Read /proc/net/sockstat or sockstat6; memory is counted in pages there."""
    readings: list[Reading] = []
    for line in sockstat.splitlines():
        protocol, *fields = line.split()
        protocol = protocol.rstrip(":")
        for field, value in zip(fields[::2], fields[1::2], strict=False):
            readings.append((f"node_sockstat_{protocol}_{field}", (), float(value)))
            if field == "mem":
                readings.append((f"node_sockstat_{protocol}_mem_bytes", (), float(value) * page_size))
    return readings
