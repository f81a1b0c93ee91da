"""Makes `.venv` from the hash-locked requirements, with the standard library alone, and moves this process
into it.

`manage.py` loads this file by its path, before any package exists; nothing here may import one. A stamp in
`.venv` holds the lock file's SHA-256 and is written last: no stamp, or another one, means that `.venv` is
made again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements" / "demo.txt"
OPT_OUT = "CLEARWINDOW_NO_BOOTSTRAP"
FRESH = "CLEARWINDOW_BOOTSTRAPPED"
"""Set for the process that follows, so that it knows whether the first two progress lines were printed."""

_STAMP = ".clearwindow-stamp"
_BUILDING = "building"
_IN_PIPS_WAY = ("PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_REQUIRE_VIRTUALENV")


class BootstrapError(Exception):
    """A sentence for the person at the terminal."""


def ensure(arguments: Sequence[str]) -> None:
    """Return inside the project's environment; from anywhere else, make it if needed and start again in it.

    Raises BootstrapError. With CLEARWINDOW_NO_BOOTSTRAP=1 it returns at once: somebody else manages the
    environment.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if os.environ.get(OPT_OUT) == "1" or (inside(VENV) and stamp_matches(VENV, LOCK)):
        return
    python = VENV / "bin" / "python"
    try:
        with _held(ROOT / ".venv.lock"):
            if not (stamp_matches(VENV, LOCK) and os.access(python, os.X_OK)):
                make(VENV, LOCK, counted="demo" in arguments[1:2])
                os.environ[FRESH] = "1"
    except OSError as error:
        raise BootstrapError(f"The environment could not be made in {VENV}: {error}.") from error
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(python, [str(python), *sys.orig_argv[1:]])  # noqa: S606 - the same command, by the other interpreter


def inside(venv: Path) -> bool:
    """Whether this interpreter is the environment's own."""
    with suppress(OSError):
        return os.path.samefile(sys.prefix, venv)
    return False


def fingerprint(lock: Path) -> str:
    """SHA-256 of the lock file."""
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def stamp_matches(venv: Path, lock: Path) -> bool:
    """Whether the environment was made, to the end, from this very lock file."""
    with suppress(OSError):
        return (venv / _STAMP).read_text(encoding="ascii").strip() == fingerprint(lock)
    return False


def packages(lock: Path) -> int:
    """How many packages the lock file names."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    return sum("==" in line and not line.startswith((" ", "#")) for line in lines)


def say(text: str) -> None:
    """A line of progress; standard output belongs to the command."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """Hold a lock file, so that two starts at once make one environment.

    The programs that fill it inherit the lock: one that outlives a killed start still keeps the next one waiting.
    """
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another start is making the environment; waiting for it.")
            fcntl.flock(handle, fcntl.LOCK_EX)
        os.set_inheritable(handle.fileno(), True)
        yield


def make(venv: Path, lock: Path, *, counted: bool) -> None:
    """Make the environment afresh and stamp it. One that we did not make and that works is filled, not
    replaced.
    """
    say(f"{'1/4 ' if counted else ''}Environment: {venv}")
    if not _made_by_somebody_else(venv):
        if venv.is_symlink() or venv.is_file():
            venv.unlink()
        shutil.rmtree(venv, ignore_errors=True)
        venv.mkdir(parents=True)
        (venv / _STAMP).write_text(_BUILDING, encoding="ascii")
    say(f"{'2/4 ' if counted else ''}Packages: {packages(lock)} from {lock.relative_to(lock.parent.parent)}")
    if not (_with_uv(venv, lock) or _with_pip(venv, lock)):
        raise BootstrapError(
            f"The packages could not be installed into {venv}: see the lines above. With a network that "
            "reaches a package index, run the same command again; or use an environment of your own and set "
            f"{OPT_OUT}=1."
        )
    draft = venv / f"{_STAMP}.new"
    draft.write_text(fingerprint(lock), encoding="ascii")
    draft.replace(venv / _STAMP)


def _made_by_somebody_else(venv: Path) -> bool:
    python = venv / "bin" / "python"
    return not (venv / _STAMP).exists() and (venv / "pyvenv.cfg").exists() and _run([str(python), "-c", ""])


def _run(command: list[str], *, quiet: bool = True, extra: dict[str, str] | None = None) -> bool:
    """Whether a program ends well; its messages go to standard error unless `quiet`."""
    environment = {key: value for key, value in os.environ.items() if key not in _IN_PIPS_WAY} | (extra or {})
    output = subprocess.DEVNULL if quiet else sys.stderr
    try:
        done = subprocess.run(  # noqa: S603 - fixed programs, our own paths
            command, check=False, env=environment, close_fds=False,
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    except OSError:
        return False
    return done.returncode == 0


def _with_uv(venv: Path, lock: Path) -> bool:
    """Fill the environment by uv: the one on PATH, else the locked one, which pip fetches first.

    uv fetches and unpacks in parallel, several times faster than pip. Whatever fails here is left to pip.
    """
    python = str(venv / "bin" / "python")
    found = shutil.which("uv")
    if found:
        made = os.path.exists(python) or _run(
            [found, "venv", "--quiet", "--allow-existing", "--python", _base_python(), str(venv)]
        )
    else:
        found = str(venv / "bin" / "uv")
        only_uv = _only("uv", lock, venv / "uv.txt")
        made = only_uv.stat().st_size > 0 and _with_pip(venv, only_uv, quiet=True)
        only_uv.unlink()
    if not made:
        return False
    cache = venv / ".uv-cache"  # beside its target (hard links), and nothing is left in the person's home
    fill_it = [found, "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--python", python]
    try:
        return _run([*fill_it, "-r", str(lock)], extra={"UV_CACHE_DIR": str(cache), **_uv_settings()})
    finally:
        shutil.rmtree(cache, ignore_errors=True)


def _uv_settings() -> dict[str, str]:
    """What the person told pip about indexes and certificates, in uv's words."""
    told = {"UV_DEFAULT_INDEX": os.environ.get("PIP_INDEX_URL"), "SSL_CERT_FILE": os.environ.get("PIP_CERT")}
    return {name: value for name, value in told.items() if value and name not in os.environ}


def _only(package: str, lock: Path, target: Path) -> Path:
    """A requirements file with one package of the lock file and its hashes; empty if it is not locked."""
    wanted, lines = False, []
    for line in lock.read_text(encoding="utf-8").splitlines():
        wanted = wanted if line.startswith(" ") else line.startswith(f"{package}==")
        if wanted:
            lines.append(line)
    target.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return target


def _with_pip(venv: Path, lock: Path, *, quiet: bool = False) -> bool:
    """This machine's pip fills an environment that has none: it needs neither `ensurepip` nor python3-venv.

    Raises BootstrapError where there is no pip that can.
    """
    pip = [_host_python_with_pip(), "-m", "pip"]
    python = str(venv / "bin" / "python")
    make_it = [_base_python(), "-m", "venv", "--without-pip", str(venv)]
    if not os.path.exists(python) and not _run(make_it, quiet=False):
        raise BootstrapError(f"Python's own `venv` could not make {venv}: see the lines above.")
    quietly = ["-qq", "--no-input", "--disable-pip-version-check", "--no-warn-script-location"]
    fill_it = [*pip, "--python", python, "install", *quietly, "--no-compile", "--no-deps", "--require-hashes"]
    return _run([*fill_it, "-r", str(lock)], quiet=quiet)


def _base_python() -> str:
    """The interpreter behind a virtual environment, so that `.venv` does not hang on another one."""
    return getattr(sys, "_base_executable", None) or sys.executable


def _host_python_with_pip() -> str:
    """An interpreter of this machine whose pip can fill another environment (`--python`, since pip 22.3)."""
    has_pip = "import pip"
    new_enough = "import pip; assert tuple(map(int, pip.__version__.split('.')[:2])) > (22, 2)"
    for python in dict.fromkeys((sys.executable, _base_python())):
        if _run([python, "-c", new_enough]):
            return python
    if _run([sys.executable, "-c", has_pip]):
        raise BootstrapError(
            f"The pip of {sys.executable} is too old: pip 22.3 or newer is needed "
            "(`python3 -m pip install --upgrade pip`)."
        )
    raise BootstrapError(
        f"{sys.executable} has no pip: install it (on Debian or Ubuntu: `apt-get install python3-pip`) or "
        "install uv, then run the same command again."
    )
