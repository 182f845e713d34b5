"""The parsers of /proc, on texts as kernels write them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from steersman.services.telemetry.logic.host import disks, kernel, memory, network
from steersman.services.telemetry.logic.host.readings import SeriesKeys

STAT = (
    "cpu  10 0 10 100 0 0 0 0 0 0\n"
    "cpu0 5843 2 3256 226690 598 1 74 25 7 3\n"
    "intr 211648 0 0 1\nctxt 462477\nbtime 1795226776\nprocesses 8710\nprocs_running 2\nprocs_blocked 1\n"
)


def values(readings: list[tuple[str, tuple[tuple[str, str], ...], float]]) -> dict[str, float]:
    return {"/".join((name, *(v for _, v in pairs))): value for name, pairs, value in readings}


def test_processor_time_is_in_seconds_by_mode() -> None:
    """The sum line is left out: it would count every processor twice."""
    read = values(kernel.processors(kernel.cpu_times(STAT)))
    assert read["node_cpu_seconds_total/0/user"] == 58.43
    assert read["node_cpu_seconds_total/0/steal"] == 0.25
    assert read["node_cpu_guest_seconds_total/0/nice"] == 0.03
    assert len(read) == 10


def test_old_kernel_without_steal_and_guests_gives_fewer_modes() -> None:
    """Linux 2.6.0 wrote seven fields."""
    assert len(kernel.processors(kernel.cpu_times("cpu0 1 2 3 4 5 6 7\n"))) == 7


def test_idle_time_that_slips_back_is_held_and_a_processor_that_returns_starts_anew() -> None:
    """Idle and iowait are estimates on a tickless kernel."""
    before = {"0": (0.0, 0.0, 0.0, 50.0, 2.0), "1": (0.0, 0.0, 0.0, 50.0, 2.0)}
    now = {"0": (1.0, 0.0, 0.0, 49.9, 1.9), "1": (0.0, 0.0, 0.0, 0.1, 0.0)}
    assert kernel.steady(before, now) == {"0": (1.0, 0.0, 0.0, 50.0, 2.0), "1": (0.0, 0.0, 0.0, 0.1, 0.0)}


def test_counters_follow_the_processors() -> None:
    """The interrupts' line is cut after its sum."""
    read = values(kernel.counters(STAT))
    assert read["node_intr_total"] == 211648
    assert read["node_boot_time_seconds"] == 1795226776
    assert read["node_procs_blocked"] == 1


def test_pressure_is_in_seconds() -> None:
    """A processor has no time in which everybody is stalled, although newer kernels write the line."""
    text = "some avg10=0.7 avg60=1.5 avg300=0.6 total=13369868\nfull avg10=0.0 avg60=0.0 avg300=0.0 total=5\n"
    assert kernel.pressure("cpu", text) == [("node_pressure_cpu_waiting_seconds_total", (), 13.369868)]
    assert [name for name, _, _ in kernel.pressure("io", text)] == [
        "node_pressure_io_waiting_seconds_total",
        "node_pressure_io_stalled_seconds_total",
    ]


def test_memory_keeps_the_kernels_names_and_counts_bytes() -> None:
    """Parentheses become underscores; figures without a unit are plain numbers."""
    read = values(memory.memory("MemTotal:  24684096 kB\nActive(anon):   1576 kB\nHugePages_Total:  3\n"))
    assert read == {
        "node_memory_MemTotal_bytes": 24684096 * 1024,
        "node_memory_Active_anon_bytes": 1576 * 1024,
        "node_memory_HugePages_Total": 3,
    }


def test_disk_counters_are_bytes_and_seconds_and_partitions_are_left_out() -> None:
    """A kernel before 4.18 writes no discards."""
    text = (
        " 254 0 vda 39120 10089 4443986 14451 26790 21292 4355656 13619 0 9836 29081\n"
        " 254 1 vda1 1 1 1 1 1 1 1 1 1 1 1\n 259 0 nvme0n1p1 1 1 1 1 1 1 1 1 1 1 1\n 7 0 loop0 0 0 0 0 0 0 0 0 0 0 0\n"
    )
    read = values(disks.disks(text))
    assert read["node_disk_read_bytes_total/vda"] == 4443986 * 512
    assert abs(read["node_disk_write_time_seconds_total/vda"] - 13.619) < 1e-9
    assert len(read) == 11


def test_mounts_are_unescaped_listed_once_and_pseudo_file_systems_left_out() -> None:
    """The kernel writes a space in a path as \\040."""
    text = (
        "proc /proc proc rw 0 0\n/dev/sda1 /my\\040disk ext4 ro,noatime 0 0\n"
        "/dev/sda1 /my\\040disk ext4 rw 0 0\ntmpfs /sys/x tmpfs rw 0 0\nnas:/a /a nfs4 rw 0 0\n"
    )
    disk, share = disks.mounts(text)
    assert disk == disks.Mount("/dev/sda1", "/my disk", "ext4", read_only=True)
    assert share.remote


def test_file_system_that_does_not_answer_is_reported_and_has_no_sizes() -> None:
    """A size of zero would look like an empty disk."""
    mount = disks.Mount("nas:/a", "/a", "nfs4", read_only=False)
    assert disks.file_system(mount, None) == [("node_filesystem_device_error", mount.pairs, 1.0)]


def test_traffic_of_a_device_with_a_colon_in_its_name() -> None:
    """Aliases are named like eth0:1."""
    text = "h\nh\neth0:1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
    read = values(network.traffic(text))
    assert read["node_network_receive_bytes_total/eth0:1"] == 1
    assert read["node_network_transmit_compressed_total/eth0:1"] == 16


def test_device_that_is_down_has_no_carrier_and_unknown_speed_has_no_series() -> None:
    """Reading the carrier of a device that is down fails, and so it is empty here."""
    read = values(network.device("ifb0", {"carrier": "", "mtu": "1500", "operstate": "down", "duplex": ""}))
    assert read == {
        "node_network_mtu_bytes/ifb0": 1500,
        "node_network_info/ifb0/down": 1,
        "node_network_up/ifb0": 0,
    }


def test_protocol_tables_keep_the_default_selection() -> None:
    """Names stand above values."""
    protocols = network.Protocols()
    table = "Tcp: RtoMin CurrEstab InErrs\nTcp: 200 4 1\nIcmpMsg: InType3\nIcmpMsg: 1\n"
    expected = {"node_netstat_Tcp_CurrEstab": 4.0, "node_netstat_Tcp_InErrs": 1.0}
    assert values(protocols.counters(table)) == values(protocols.counters(table)) == expected
    assert values(network.counters_6("Ip6InOctets 128\nUdp6NoPorts 1\nIp6InDelivers 4\n")) == {
        "node_netstat_Ip6_InOctets": 128,
        "node_netstat_Udp6_NoPorts": 1,
    }


def test_socket_memory_is_given_in_pages_and_in_bytes() -> None:
    """Both names exist in node_exporter."""
    read = values(network.sockets("sockets: used 23\nTCP: inuse 7 mem 241\n", 4096))
    assert read["node_sockstat_TCP_mem"] == 241
    assert read["node_sockstat_TCP_mem_bytes"] == 241 * 4096
    assert read["node_sockstat_sockets_used"] == 23


def test_missing_files_yield_no_readings() -> None:
    """A container may hide any of them."""
    assert kernel.cpu_times("") == {}
    assert kernel.counters("") + kernel.load("") + kernel.pressure("io", "") + kernel.descriptors("") == []
    assert memory.memory("") + memory.paging("") + disks.disks("") + network.traffic("") == []
    assert kernel.entropy("", "") + network.counters_6("") + network.sockets("", 4096) == []
    assert disks.mounts("") == network.Protocols().counters("") == []


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1))
def test_any_device_name_makes_a_series_key(name: str) -> None:
    """What a device calls itself is data, also when it is odd."""
    keys = SeriesKeys({"job": "host"})
    reading = ("node_network_up", (("device", name),), 1.0)
    assert keys.columns([reading]) == keys.columns([reading])
    assert len(keys.columns([reading, ("node_network_up", (("device", name + "x"),), 1.0)])) == 2
