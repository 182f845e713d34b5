"""The databases that control data may live in: the fake, SQLite, and a real PostgreSQL 15 for the session."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from steersman.contract.fakes import MemoryDatabase, MemoryJournal
from steersman.contract.ports import Database, Journal
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.sql import SqlDatabase

BINARIES = Path("/usr/lib/postgresql/15/bin")
_numbers = itertools.count(1)
_POSTGRES = pytest.param("postgres_url", marks=pytest.mark.needs("postgresql"), id="postgres")
_SQLITE = pytest.param("sqlite_url", id="sqlite")


def _as_postgres(*command: str) -> list[str]:
    """PostgreSQL refuses to run as root."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else list(command)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A throw-away server on a free loopback port; yields a URL without a database name."""
    folder = Path(tempfile.mkdtemp(prefix="steersman-postgres-"))
    folder.chmod(0o755)
    data, port = folder / "data", _free_port()
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(data, "postgres", "postgres")
    initdb = (BINARIES / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8")
    subprocess.run(_as_postgres(*map(str, initdb)), check=True, capture_output=True, cwd=folder)
    options = ("fsync=off", "listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=60")
    server = (BINARIES / "postgres", "-D", data, "-p", port, *(part for one in options for part in ("-c", one)))
    with subprocess.Popen(_as_postgres(*map(str, server)), cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "ready to accept connections" in line:
                break
        else:
            pytest.fail("PostgreSQL ended before it was ready")
        process.stderr.close()
        yield f"postgresql://postgres@127.0.0.1:{port}"
        subprocess.run(
            _as_postgres(str(BINARIES / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop"),
            check=True,
            capture_output=True,
            cwd=folder,
        )
    shutil.rmtree(folder)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A new, empty database on the session's server."""
    name = f"steersman_{next(_numbers)}"
    with psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield f"{postgres_server}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'control.sqlite3'}"


@pytest.fixture(params=[_SQLITE, _POSTGRES])
def url(request: pytest.FixtureRequest) -> str:
    """Both real databases, one after the other."""
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def empty(url: str, tmp_path: Path) -> Iterator[SqlDatabase]:
    """A real database in which no migration ran yet."""
    database = SqlDatabase(open_engine(url, tmp_path))
    yield database
    database.close()


@pytest.fixture
def database(empty: SqlDatabase) -> SqlDatabase:
    """A real database with the house's tables."""
    migrate(empty, [HOUSE_LINEAGE])
    return empty


@pytest.fixture(params=["memory", _SQLITE, _POSTGRES])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Database, Journal]]:
    """Database and journal, the fakes and the real ones."""
    if request.param == "memory":
        memory = MemoryDatabase()
        yield memory, MemoryJournal()
        memory.close()
        return
    real = SqlDatabase(open_engine(request.getfixturevalue(request.param), tmp_path))
    migrate(real, [HOUSE_LINEAGE])
    yield real, SqlJournal(real)
    real.close()
