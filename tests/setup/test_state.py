"""The state folder, its lock, its secrets, and the private folders of the embedded servers."""

from __future__ import annotations

import base64
import os
import shutil
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.launcher.accounts import (
    SOCKET_PATH_LIMIT,
    Account,
    make_data_folder,
    make_socket_folder,
    require_own_folder,
    service_account,
)
from config.launcher.errors import LauncherError
from config.launcher.state import STATE_VARIABLE, StateFolder, state_folder


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    """A prepared state folder in a path with a space."""
    folder = StateFolder(tmp_path / "state folder")
    folder.prepare()
    return folder


def mode(path: Path) -> int:
    """The permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def test_secrets_are_made_once_and_are_private(state: StateFolder) -> None:
    first = state.secrets()
    assert state.secrets() == first
    assert mode(state.root / "secrets.json") == 0o600
    assert len(base64.urlsafe_b64decode(first["FIELD_KEY"])) == 32
    assert len(first["SECRET_KEY"]) >= 50


def test_private_parts_are_closed_to_others(state: StateFolder) -> None:
    assert {mode(folder) for folder in (state.run, state.logs, state.outbox)} == {0o700}
    assert mode(state.root) & 0o066 == 0


@pytest.mark.parametrize("content", ["", "{", "[1]", "null"])
def test_a_damaged_file_counts_as_missing(state: StateFolder, content: str) -> None:
    (state.root / "info.json").write_text(content, encoding="utf-8")
    assert state.read_json("info.json") == {}


def test_the_second_holder_of_the_lock_waits_and_says_so(state: StateFolder) -> None:
    waiting, entered = threading.Event(), threading.Event()

    def second() -> None:
        with state.locked(waiting.set):
            entered.set()

    with state.locked():
        thread = threading.Thread(target=second)
        thread.start()
        assert waiting.wait(10)
        assert not entered.is_set()
    assert entered.wait(10)
    thread.join(10)


def test_wipe_deletes_data_here_and_elsewhere_but_not_the_lock(state: StateFolder, tmp_path: Path) -> None:
    elsewhere = tmp_path / "clearwindow-elsewhere"
    elsewhere.mkdir()
    state.write_json("place.json", {"data": str(elsewhere)})
    state.secrets()
    with state.locked():
        state.wipe()
    assert [entry.name for entry in state.root.iterdir()] == ["lock"]
    assert not elsewhere.exists()


def test_wipe_never_deletes_a_folder_that_is_not_the_demos(state: StateFolder, tmp_path: Path) -> None:
    precious = tmp_path / "home"
    precious.mkdir()
    state.write_json("place.json", {"data": str(precious)})
    state.wipe()
    assert precious.is_dir()


def test_the_environment_can_name_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "x y"))
    assert state_folder().root == tmp_path / "x y"
    monkeypatch.delenv(STATE_VARIABLE)
    assert state_folder().root.name == ".demo"


class Unreachable(Account):
    """An account that can reach nothing but the common temporary folders."""

    def can(self, flag: str, path: Path) -> bool:
        return path in (Path("/tmp"), Path("/var/tmp"))


@pytest.fixture
def unreachable() -> Account:
    """The real account, with no way into the project."""
    real = service_account()
    return Unreachable(real.name, real.uid, real.gid, real.switch)


def test_a_socket_folder_is_private_short_and_new_each_time() -> None:
    account = service_account()
    folders = [make_socket_folder(account), make_socket_folder(account)]
    try:
        assert folders[0] != folders[1]
        for folder in folders:
            require_own_folder(folder, account.uid)
            assert len(os.fsencode(folder / ".s.PGSQL.5432.lock")) <= SOCKET_PATH_LIMIT
            assert " " not in str(folder)
    finally:
        for folder in folders:
            folder.rmdir()


def test_a_long_temporary_folder_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    monkeypatch.setenv("TMPDIR", str(deep))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    folder = make_socket_folder(service_account())
    folder.rmdir()
    assert folder.parent != deep
    assert list(deep.iterdir()) == []


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A private folder of this account."""
    folder = tmp_path / "sockets"
    folder.mkdir(mode=0o700)
    return folder


def test_a_folder_open_to_others_is_refused(private: Path) -> None:
    require_own_folder(private, os.geteuid())
    private.chmod(0o755)
    with pytest.raises(LauncherError):
        require_own_folder(private, os.geteuid())


def test_a_folder_of_somebody_else_is_refused(private: Path) -> None:
    with pytest.raises(LauncherError):
        require_own_folder(private, os.geteuid() + 1)


def test_a_link_and_a_missing_folder_are_refused(private: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(private)
    for path in (tmp_path / "link", tmp_path / "missing"):
        with pytest.raises(LauncherError):
            require_own_folder(path, os.geteuid())


@pytest.fixture
def placed(state: StateFolder, unreachable: Account) -> Iterator[Path]:
    """The data folder of an account that cannot reach the project."""
    folder = state.data(unreachable)
    yield folder
    shutil.rmtree(folder)


def test_data_lies_elsewhere_when_the_account_cannot_reach_the_project(
    state: StateFolder, unreachable: Account, placed: Path
) -> None:
    assert placed.parent == Path("/var/tmp")
    assert mode(placed) == 0o700
    assert state.data(unreachable) == placed, "the second start must find the first one's data"


def test_data_stays_in_the_project_when_it_can(tmp_path: Path) -> None:
    real = service_account()
    mine = Account(real.name, os.geteuid(), os.getegid(), switch=False)
    assert make_data_folder(tmp_path / "data", mine) == tmp_path / "data"
