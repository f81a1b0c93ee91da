"""The command `plan_instance`, to the letter of its contract, in a process of its own and without any database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.scheduling.domain.scorer import score

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).parent / "instances"
FILE = HERE / "pub-s1.json"
BEST = json.loads((HERE / "best.json").read_text())["pub-s1"]


def start(*arguments: str) -> subprocess.Popen[str]:
    """The command with no database in its environment, and none that it could reach."""
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("DATABASE", "REDIS", "PG", "CLEARWINDOW"))
    }
    environment |= {"DJANGO_SETTINGS_MODULE": "config.settings", "CLEARWINDOW_ENV": "test"}
    command = [sys.executable, "-m", "django", "plan_instance", *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_one_patient_alone_is_the_known_optimum_and_nothing_else_is_printed() -> None:
    status, out, _ = finish(start(str(FILE), "--patient", "P04"))
    data = json.loads(FILE.read_text())
    data["patients"] = [item for item in data["patients"] if item["id"] == "P04"]
    bad, points = score(data, json.loads(out))
    assert (status, bad, points.total()) == (0, [], BEST["single"]["P04"])


def test_all_together_in_the_time_given_with_progress_beside_the_answer() -> None:
    status, out, err = finish(start(str(FILE), "--seconds", "8"))
    bad, points = score(json.loads(FILE.read_text()), json.loads(out))
    assert (status, bad) == (0, [])
    last = err.strip().splitlines()[-1]
    assert last.startswith(f"10 of 10 series, {points.total()} points, at most ")
    assert len(out.strip().splitlines()) == 1


def test_told_to_stop_it_prints_the_best_so_far() -> None:
    process = start(str(FILE), "--seconds", "600")
    assert process.stderr is not None
    assert "series" in process.stderr.readline()
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    status, out, _ = finish(process)
    assert time.monotonic() - began < 60
    bad, _ = score(json.loads(FILE.read_text()), json.loads(out))
    assert (status, bad) == (0, [])


def test_nothing_possible_is_an_empty_plan_and_status_0(tmp_path: Path) -> None:
    data = json.loads(FILE.read_text())
    data["open"] = []
    path = tmp_path / "closed.json"
    path.write_text(json.dumps(data))
    for extra in (["--patient", "P01"], ["--seconds", "1"]):
        status, out, _ = finish(start(str(path), *extra))
        assert status == 0
        assert json.loads(out)["plans"] == []


@pytest.mark.parametrize("text", ["{", '{"schema": "other/1"}', '{"horizon_days": NaN}'])
def test_a_bad_file_is_status_2_and_prints_no_answer(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    status, out, err = finish(start(str(path)))
    assert (status, out) == (2, "")
    assert "Traceback" not in err


def test_an_unknown_patient_a_missing_file_and_bad_seconds_are_status_2() -> None:
    for arguments in (
        [str(FILE), "--patient", "nobody"],
        [str(HERE / "absent.json")],
        [str(FILE), "--seconds", "nan"],
    ):
        status, out, err = finish(start(*arguments))
        assert (status, out) == (2, "")
        assert "Traceback" not in err
