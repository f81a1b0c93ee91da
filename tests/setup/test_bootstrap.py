"""`manage.py` makes its own environment: tried on a small copy of the project with an empty lock file.

The real commands run as processes; no package is installed, so no network is needed. A small stand-in for uv
on PATH makes most of them quick; the tests that take `machine_pip` go the way of a machine that has only
pip.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from config.launcher.processes import wait_until
from config.launcher.state import PROJECT

SHOW = """
import json, os, sys

def run(argv):
    print(json.dumps({
        "prefix": sys.prefix, "argv": argv[1:], "fresh": os.environ.get("CLEARWINDOW_BOOTSTRAPPED"),
        "bytecode": os.environ.get("PYTHONDONTWRITEBYTECODE"),
    }))
    return 7
"""


def host_python() -> str:
    """The interpreter behind this test run's own environment: it has pip, as a bare machine's has."""
    return getattr(sys, "_base_executable", None) or sys.executable


@dataclass
class Copy:
    """A copy of what the bootstrap needs, in a path with a space."""

    root: Path
    path: str

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def lock(self) -> Path:
        return self.root / "requirements" / "demo.txt"

    def start(self, *arguments: str, python: str | None = None, **environment: str) -> subprocess.Popen[str]:
        """Start `manage.py` from another folder, as a person might."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("CLEARWINDOW_")}
        return subprocess.Popen(
            [python or host_python(), str(self.root / "manage.py"), *arguments],
            cwd=self.root.parent, env={**kept, "PATH": self.path, **environment}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(
        self, *arguments: str, python: str | None = None, **environment: str
    ) -> tuple[dict[str, object], str]:
        """Run it to its end: what the command saw, and what the bootstrap said."""
        process = self.start(*arguments, python=python, **environment)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 7, err
        seen: dict[str, object] = json.loads(out)
        return seen, err


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """The real manage.py and bootstrap, an empty lock file, a command that shows where it runs; uv on PATH."""
    root = tmp_path / "clear window"
    (root / "config" / "launcher").mkdir(parents=True)
    (root / "requirements").mkdir()
    for name in ("manage.py", "config/bootstrap.py"):
        shutil.copy(PROJECT / name, root / name)
    (root / "config" / "launcher" / "__init__.py").touch()
    (root / "config" / "launcher" / "commands.py").write_text(SHOW)
    (root / "requirements" / "demo.txt").write_text("# nothing\n")
    (root / "config" / "__init__.py").write_text("")
    (tmp_path / "bin").mkdir()
    uv = tmp_path / "bin" / "uv"
    uv.write_text(
        f'#!/bin/sh\nfor last; do :; done\n[ "$1" = pip ] || "{host_python()}" -m venv --without-pip "$last"\n'
    )
    uv.chmod(0o755)
    return Copy(root, f"{uv.parent}:{os.defpath}")


@pytest.fixture
def machine_pip(copy: Copy) -> Copy:
    """The same without uv: the machine's pip does the work."""
    copy.path = os.defpath
    return copy


def test_the_first_command_makes_the_environment_and_the_second_uses_it(machine_pip: Copy) -> None:
    copy = machine_pip
    seen, said = copy.run("hello", "two words", PYTHONDONTWRITEBYTECODE="1")
    assert seen == {"prefix": str(copy.venv), "argv": ["hello", "two words"], "fresh": "1", "bytecode": None}
    assert "Environment:" in said
    assert "Packages: 0" in said
    made = (copy.venv / "pyvenv.cfg").stat().st_mtime_ns
    seen, said = copy.run("hello")
    assert seen == {"prefix": str(copy.venv), "argv": ["hello"], "fresh": None, "bytecode": None}
    assert said == ""
    seen, said = copy.run("hello", python=str(copy.venv / "bin" / "python"))
    assert seen["prefix"] == str(copy.venv)
    assert (copy.venv / "pyvenv.cfg").stat().st_mtime_ns == made


def test_the_demo_numbers_its_steps(copy: Copy) -> None:
    _, said = copy.run("demo")
    assert [line.split(" ")[0] for line in said.splitlines()] == ["1/4", "2/4"]


@pytest.mark.parametrize("stamp", ["building", "", "0" * 64])
def test_a_half_made_or_outdated_environment_is_made_again(copy: Copy, stamp: str) -> None:
    copy.run("hello")
    (copy.venv / ".clearwindow-stamp").write_text(stamp)
    (copy.venv / "left-over").touch()
    seen, said = copy.run("hello")
    assert seen["fresh"] == "1"
    assert "Environment:" in said
    assert not (copy.venv / "left-over").exists()


def test_a_changed_lock_file_makes_it_again(copy: Copy) -> None:
    copy.run("hello")
    copy.lock.write_text("# still nothing\n")
    assert copy.run("hello")[0]["fresh"] == "1"
    assert copy.run("hello")[0]["fresh"] is None


def test_an_environment_without_its_interpreter_is_made_again(copy: Copy) -> None:
    copy.run("hello")
    for name in ("python", "python3"):
        (copy.venv / "bin" / name).unlink()
        (copy.venv / "bin" / name).symlink_to(copy.root / "gone")
    assert copy.run("hello")[0]["fresh"] == "1"


def test_an_environment_that_a_person_made_is_filled_not_replaced(copy: Copy) -> None:
    subprocess.run([host_python(), "-m", "venv", "--without-pip", str(copy.venv)], check=True)
    (copy.venv / "mine").touch()
    assert copy.run("hello")[0]["prefix"] == str(copy.venv)
    assert (copy.venv / "mine").exists()
    assert copy.run("hello")[0]["fresh"] is None


def test_two_at_once_make_one_environment(copy: Copy) -> None:
    both = [copy.start("hello"), copy.start("hello")]
    outputs = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [7, 7], outputs
    assert sorted(str(json.loads(out)["fresh"]) for out, _ in outputs) == ["1", "None"]


def test_what_a_killed_start_left_running_is_waited_for(copy: Copy) -> None:
    """The program that fills the environment outlives its killed parent and still holds the lock."""
    gate, uv = copy.root / "gate", Path(copy.path.split(":", 1)[0]) / "uv"
    os.mkfifo(gate)
    quick = uv.read_text(encoding="utf-8")
    filling = copy.root / "filling"
    uv.write_text(f'{quick}[ "$1" != pip ] || {{ : >"{filling}"; read go <"{gate}"; }}\n', encoding="utf-8")
    killed = copy.start("hello")
    assert wait_until(filling.exists, 30)
    killed.kill()
    uv.write_text(quick, encoding="utf-8")
    second = copy.start("hello")
    assert second.stderr is not None
    assert second.stderr.readline() == "Another start is making the environment; waiting for it.\n"
    gate.write_text("go\n", encoding="utf-8")
    out, _ = second.communicate(timeout=60)
    assert json.loads(out)["fresh"] == "1"
    killed.communicate(timeout=10)


def test_somebody_elses_environment_is_used_as_it_is(copy: Copy) -> None:
    seen, said = copy.run("hello", python=sys.executable, CLEARWINDOW_NO_BOOTSTRAP="1")
    assert seen["prefix"] == sys.prefix
    assert said == ""
    assert not copy.venv.exists()


def refused(copy: Copy, **environment: str) -> str:
    """What it says when it cannot go on; no traceback."""
    process = copy.start("hello", **environment)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert out == ""
    assert "Traceback" not in err
    return err


def test_packages_that_cannot_be_had_are_said_so_and_tried_again_next_time(machine_pip: Copy) -> None:
    copy = machine_pip
    copy.lock.write_text(f"no-such-package==1 \\\n    --hash=sha256:{'0' * 64}\n")
    offline = {"PIP_NO_INDEX": "1", "UV_OFFLINE": "1", "PIP_FIND_LINKS": ""}
    assert "could not be installed" in refused(copy, **offline)
    copy.lock.write_text("# nothing\n")
    assert copy.run("hello")[0]["fresh"] == "1"


def test_a_folder_that_cannot_be_written_is_said_so(copy: Copy) -> None:
    (copy.root / ".venv.lock").mkdir()
    assert "could not be made" in refused(copy)


@pytest.fixture
def bootstrap() -> ModuleType:
    """The module as manage.py loads it."""
    spec = importlib.util.spec_from_file_location("bootstrap_under_test", PROJECT / "config" / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("has_pip", "words"), [(False, "has no pip"), (True, "too old")])
def test_a_machine_without_a_usable_pip_gets_one_clear_sentence(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, has_pip: bool, words: str
) -> None:
    monkeypatch.setattr(bootstrap, "_run", lambda command, **_: has_pip and command[-1] == "import pip")
    with pytest.raises(bootstrap.BootstrapError, match=words):
        bootstrap._host_python_with_pip()


def test_only_the_named_package_is_taken_from_the_lock(bootstrap: ModuleType, tmp_path: Path) -> None:
    lock = PROJECT / "requirements" / "demo.txt"
    taken = bootstrap._only("uv", lock, tmp_path / "uv.txt").read_text(encoding="utf-8")
    assert taken.startswith("uv==")
    assert taken.count("==") == 1
    assert taken.count("--hash=sha256:") >= 5
    assert bootstrap._only("absent", lock, tmp_path / "none.txt").read_text(encoding="utf-8") == ""


def test_the_lock_holds_a_hash_for_each_package_and_no_address() -> None:
    text = (PROJECT / "requirements" / "demo.txt").read_text(encoding="utf-8")
    assert "://" not in text
    entries = [
        block for block in text.replace("\\\n", " ").splitlines() if block and not block.startswith("#")
    ]
    assert len(entries) > 100
    assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)
