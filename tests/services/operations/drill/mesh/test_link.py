import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from steersman.services.operations.commands.drill.mesh import namespaces
from steersman.services.operations.commands.drill.mesh.layout import free_block
from steersman.services.operations.commands.drill.mesh.link import Link

_TIMEOUT = 0.3


class Ends:
    """A link between two ports, with somebody at its far end."""

    def __init__(self, folder: Path, through_namespaces: bool) -> None:
        self.port = free_block(2)
        self._far = socket.create_server(("127.0.0.1", self.port + 1))
        self.link = Link(self.port, self.port + 1, folder / "stop")
        self.link.through_namespaces = through_namespaces
        self.link.up()
        self._near = self._dial()
        self._there, _ = self._far.accept()

    def _dial(self) -> socket.socket:
        for _ in range(100):
            try:
                return socket.create_connection(("127.0.0.1", self.port), 5)
            except ConnectionRefusedError:
                time.sleep(0.05)
        raise AssertionError("nobody listens at the near end")

    def passes(self) -> bool:
        """Send something and see whether it arrives."""
        self._near.sendall(b"ping")
        self._there.settimeout(_TIMEOUT)
        try:
            return self._there.recv(4) == b"ping"
        except TimeoutError:
            return False

    def close(self, folder: Path) -> None:
        (folder / "stop").touch()
        for one in (self._near, self._there, self._far):
            one.close()
        self.link.down()


@pytest.fixture(params=[False, True], ids=["relay", "namespaces"])
def ends(request, tmp_path: Path) -> Iterator[Ends]:
    if request.param and not namespaces.permitted():
        pytest.skip("network namespaces are not permitted here")
    one = Ends(tmp_path, request.param)
    yield one
    one.close(tmp_path)


def test_a_cut_link_loses_everything_and_a_mended_one_goes_on(ends) -> None:
    assert ends.passes()
    ends.link.lose()
    assert ends.link.cut
    assert not any([ends.passes(), ends.passes()])
    ends.link.mend()
    assert any(ends.passes() for _ in range(20))


def test_the_machine_itself_sees_no_interface_of_the_link(ends) -> None:
    assert {"near", "far"}.isdisjoint(name for _, name in socket.if_nameindex())


def test_a_link_that_is_not_up_cannot_be_cut(tmp_path: Path) -> None:
    with pytest.raises(ProcessLookupError):
        Link(1, 2, tmp_path / "stop").lose()
