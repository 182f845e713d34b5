from __future__ import annotations

from pathlib import Path
from random import Random

from steersman.runtime.telemetry.disk import LocalDisk
from steersman.services.telemetry.commands.prove.disk_model import Disk, Fate, Sync, Write
from steersman.services.telemetry.commands.prove.recording_disk import RecordingDisk


def recorded(root: Path) -> RecordingDisk:
    return RecordingDisk(LocalDisk(), root)


def tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_replayed_recording_shows_the_folder_as_it_is(tmp_path: Path):
    (tmp_path / "before").write_bytes(b"old")
    disk = recorded(tmp_path)
    file = disk.open_append(tmp_path / "log", reserve=5000)
    file.size = 0
    file.append([b"one", memoryview(b"two")])
    file.sync()
    file.truncate(4)
    file.close()
    disk.write_file(tmp_path / "m.new", [b"manifest"])
    disk.replace(tmp_path / "m.new", tmp_path / "m")
    disk.write_file(tmp_path / "m", [b"again"])
    disk.open_append(tmp_path / "before").append([b"+new"])
    disk.remove(tmp_path / "gone")
    disk.sync_folder(tmp_path)
    model = Disk(disk.files, disk.folders)
    for operation in disk.operations:
        model.apply(operation)
    assert model.after_power_loss(Fate.KEPT, Random(1)) == tree(tmp_path)
    assert tree(tmp_path) == {"before": b"old+new", "log": b"onet", "m": b"again"}


def test_a_sync_covers_only_what_was_written_before_it_began(tmp_path: Path):
    class SlowSync(LocalDisk):
        """While the file is being synced, somebody else writes to it."""

        def sync_folder(self, path: Path) -> None:
            other.append([b"meanwhile"])
            super().sync_folder(path)

    disk = RecordingDisk(SlowSync(), tmp_path)
    other = disk.open_append(tmp_path / "log")
    disk.sync_folder(tmp_path)
    began = disk.operations[-1].began
    assert isinstance(disk.operations[began], Write)
    file = disk.open_append(tmp_path / "log")
    file.sync()
    assert disk.operations[-1] == Sync(1, len(disk.operations) - 1)
