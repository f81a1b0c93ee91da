"""The embedded servers: two roles, a log without patients' data, and starts that were cut short before."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import environ
import psycopg2
import pytest
import redis
from psycopg2 import errors

from config import embedded
from config.launcher.accounts import service_account
from config.launcher.environment import _connect, require_demo_database
from config.launcher.errors import LauncherError
from config.launcher.postgres import EXTENSIONS
from config.launcher.processes import is_alive, read_records, start_token, wait_until, write_record
from config.launcher.state import StateFolder
from config.settings import broker_url


@contextmanager
def temporary_state() -> Iterator[StateFolder]:
    """A state folder in a path with a space, reachable for the servers' account."""
    folder = StateFolder(Path(tempfile.mkdtemp(prefix="cw embedded ")))
    folder.prepare()
    try:
        yield folder
    finally:
        shutil.rmtree(folder.root)


@pytest.fixture(scope="module")
def state() -> Iterator[StateFolder]:
    """The state folder of the tests that only look."""
    with temporary_state() as folder:
        yield folder


def surroundings(state: StateFolder) -> embedded.Surroundings:
    """As the demo gives them, but fast."""
    return embedded.Surroundings(
        instance="embedded-test",
        logs=state.logs,
        place=state.data,
        note=lambda record: write_record(state.run, record),
        sockets=state.make_sockets,
        durable=False,
    )


@pytest.fixture(scope="module")
def servers(state: StateFolder) -> Iterator[embedded.Servers]:
    """One pair of servers for the tests that only look."""
    running = embedded.start(surroundings(state))
    yield running
    running.stop()


@pytest.fixture
def owner(servers: embedded.Servers) -> Iterator[Any]:
    """A cursor as the role that owns the database; what it does is rolled back."""
    with closing(_connect(servers.owner_url)) as connection, connection.cursor() as cursor:
        yield cursor


@pytest.fixture
def app(servers: embedded.Servers) -> Iterator[Any]:
    """A cursor as the role that runs; what it does is rolled back."""
    with closing(_connect(servers.app_url)) as connection, connection.cursor() as cursor:
        yield cursor


def test_the_addresses_are_what_settings_read(servers: embedded.Servers) -> None:
    read = environ.Env.db_url_config(servers.app_url)
    assert read["NAME"] == "clearwindow"
    assert read["USER"] == "clearwindow_app"
    assert read["PORT"] == 5432
    assert read["OPTIONS"] == {"host": str(servers.sockets)}
    assert redis.Redis.from_url(servers.redis_url).ping() is True
    assert broker_url(servers.redis_url) == f"redis+socket://{servers.sockets}/valkey.sock"


def test_the_folder_of_the_socket_may_stand_as_the_host(servers: embedded.Servers) -> None:
    """As libpq and its tools write it; by the settings of a process of its own."""
    address = f"postgres://clearwindow_app@{quote(str(servers.sockets), safe='')}/clearwindow"
    asked = "import django; django.setup(); from django.db import connection as c; c.cursor(); print(c.get_connection_params()['host'])"
    named = {"DATABASE_URL": address, "DJANGO_SETTINGS_MODULE": "config.settings", "CLEARWINDOW_ENV": "test"}
    answer = subprocess.run(
        [sys.executable, "-c", asked], env=os.environ | named, capture_output=True, text=True, check=False
    )
    assert (answer.returncode, answer.stdout.strip()) == (0, str(servers.sockets)), answer.stderr
    with closing(_connect(address)) as connection:
        assert connection.info.user == "clearwindow_app"


def test_each_process_has_a_pid_file(servers: embedded.Servers, state: StateFolder) -> None:
    records = read_records(state.run)
    assert [record.name for record in records] == ["postgresql", "valkey"]
    assert all(map(is_alive, records))


def test_nothing_listens_on_a_network_port(owner: Any, servers: embedded.Servers) -> None:
    owner.execute("SELECT current_setting('listen_addresses')")
    assert owner.fetchone() == ("",)
    assert redis.Redis.from_url(servers.redis_url).config_get("port") == {"port": "0"}


def test_the_owner_makes_databases_and_extensions_are_already_there(owner: Any) -> None:
    owner.execute("SELECT rolcreatedb, rolsuper FROM pg_roles WHERE rolname = current_user")
    assert owner.fetchone() == (True, False)
    owner.execute("SELECT extname FROM pg_extension")
    assert {name for (name,) in owner.fetchall()} >= set(EXTENSIONS)
    for name in EXTENSIONS:
        owner.execute(f"CREATE EXTENSION IF NOT EXISTS {name}")
    owner.execute("SET ROLE clearwindow_app")
    owner.execute("SELECT current_user")
    assert owner.fetchone() == ("clearwindow_app",)


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE t ()", "CREATE DATABASE d", "CREATE ROLE r", "SET ROLE clearwindow_owner"]
)
def test_the_app_role_makes_nothing(app: Any, statement: str) -> None:
    app.connection.autocommit = True
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute(statement)


def test_a_failing_statement_leaves_no_patient_in_the_log(
    servers: embedded.Servers, state: StateFolder
) -> None:
    for url in (servers.app_url, servers.owner_url):
        with closing(_connect(url)) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE note (words text CHECK (length(words) < 3))")
            with pytest.raises(errors.CheckViolation):
                cursor.execute("INSERT INTO note VALUES ('Ada Lovelace wept')")
    log = (state.logs / "postgresql.log").read_text(encoding="utf-8")
    assert log.count("violates check constraint") == 2, "the error itself is logged"
    assert "Ada" not in log


def test_another_accounts_connection_is_refused(servers: embedded.Servers, state: StateFolder) -> None:
    hba = (state.data(service_account()) / "postgresql" / "pg_hba.conf").read_text(encoding="utf-8")
    assert [line.split() for line in hba.splitlines()] == [["local", "all", "all", "peer", "map=clearwindow"]]
    with pytest.raises(psycopg2.OperationalError, match="Peer authentication failed"):
        psycopg2.connect(host=str(servers.sockets), user="stranger", dbname="postgres")


def test_a_database_with_other_peoples_tables_is_not_filled(servers: embedded.Servers) -> None:
    with closing(_connect(servers.owner_url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            require_demo_database(servers.owner_url)  # empty: may be filled
            cursor.execute("CREATE TABLE invoices ()")
            with pytest.raises(LauncherError, match="holds other data"):
                require_demo_database(servers.owner_url)
            cursor.execute("CREATE TABLE staff_databaseenvironment (kind text)")
            cursor.execute("INSERT INTO staff_databaseenvironment VALUES ('production')")
            with pytest.raises(LauncherError, match="holds production data"):
                require_demo_database(servers.owner_url)
            cursor.execute("UPDATE staff_databaseenvironment SET kind = 'demo'")
            require_demo_database(servers.owner_url)
            cursor.execute("DROP TABLE invoices, staff_databaseenvironment")


def test_a_database_that_does_not_answer_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(LauncherError, match="does not answer"):
        require_demo_database(f"postgres://nobody@:5432/none?host={tmp_path}")


@pytest.fixture
def cut_short() -> Iterator[StateFolder]:
    """What a start that was killed at a bad moment leaves, with data that has been used before."""
    with temporary_state() as state:
        embedded.start(surroundings(state)).stop()
        data = state.data(service_account())
        (data / "postgresql.new").mkdir()
        (data / "postgresql.new" / "half").touch()
        (data / "postgresql" / "clearwindow-provisioned").unlink()
        yield state


def test_a_start_after_one_that_was_cut_short(cut_short: StateFolder) -> None:
    again = embedded.start(surroundings(cut_short))
    try:
        with closing(_connect(again.app_url)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT current_user")
            assert cursor.fetchone() == ("clearwindow_app",)
    finally:
        again.stop()
    assert again.sockets is not None
    assert not again.sockets.exists()
    assert not any(map(is_alive, read_records(cut_short.run)))


def test_a_lock_file_whose_number_is_somebody_elses_now(cut_short: StateFolder) -> None:
    data = cut_short.data(service_account()) / "postgresql"
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n", encoding="ascii")
    embedded.start(surroundings(cut_short)).stop()
    assert "database system is ready" in (cut_short.logs / "postgresql.log").read_text(encoding="utf-8")


def test_a_lock_file_of_a_dead_server_that_nobody_collected(cut_short: StateFolder) -> None:
    """After `kill -9` in a container without init the number belongs to a zombie for ever."""
    zombie = subprocess.Popen(["true"])
    assert wait_until(lambda: start_token(zombie.pid) is None, 10)
    data = cut_short.data(service_account()) / "postgresql"
    (data / "postmaster.pid").write_text(f"{zombie.pid}\n{data}\n", encoding="ascii")
    embedded.start(surroundings(cut_short)).stop()
    assert zombie.wait() == 0


def test_data_of_another_version_is_said_so_and_kept(cut_short: StateFolder) -> None:
    version = cut_short.data(service_account()) / "postgresql" / "PG_VERSION"
    version.write_text("12\n", encoding="ascii")
    with pytest.raises(LauncherError, match="made by PostgreSQL 12"):
        embedded.start(surroundings(cut_short))
    assert version.exists()
    assert cut_short.remembered_sockets() is None


def test_the_broker_is_in_the_database_that_the_address_names() -> None:
    assert broker_url("unix:///run/valkey.sock?db=3") == "redis+socket:///run/valkey.sock?virtual_host=3"
    assert broker_url("redis://127.0.0.1:6379/3") == "redis://127.0.0.1:6379/3"
