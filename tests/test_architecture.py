"""The house keeps its shape: imports point downwards, pure modules stay pure, clocks and mail stay honest."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BELOW = {
    "staff": set(),
    "protocols": {"staff"},
    "patients": {"staff"},
    "sessions": {"staff", "protocols", "patients"},
    "scheduling": {"staff", "protocols", "patients", "sessions"},
    "config": {"staff", "protocols", "patients", "sessions", "scheduling"},
}
FRAMEWORKS = {"django", "rest_framework", "celery", "kombu", "redis", "psycopg2", "allauth", "pghistory"}
PURE_FILES = {
    "staff/zones.py",
    "staff/errors.py",
    "staff/strict.py",
    "staff/charts.py",
    "staff/windowbar.py",
    "protocols/definition.py",
    "protocols/definition_codec.py",
    "protocols/definition_rules.py",
    "protocols/library.py",
    "protocols/documents.py",
    "staff/emergency.py",
    "protocols/lexicon.py",
    "protocols/lexicon_context.py",
    "protocols/lexicon_text.py",
    "protocols/review.py",
    "protocols/review_windows.py",
    "protocols/review_kinds.py",
    "protocols/review_points.py",
    "protocols/wording.py",
    "protocols/evidence.py",
    "protocols/reading.py",
    "protocols/reading_visit.py",
    "protocols/reading_rows.py",
    "protocols/reading_after.py",
    "protocols/differences.py",
    "protocols/interchange.py",
    "protocols/message_text.py",
    "protocols/plan_definition.py",
    "protocols/sheet.py",
    "protocols/side_by_side.py",
    "protocols/sheet_acts.py",
    "protocols/sheet_boxes.py",
    "protocols/sheet_merge.py",
    "protocols/sheet_words.py",
    "protocols/sheet_words_follow.py",
    "patients/alike.py",
    "patients/contraindications.py",
    "patients/contact.py",
    "sessions/clearance.py",
    "sessions/dosing.py",
    "sessions/discharge.py",
    "sessions/discharge_values.py",
    "sessions/eligibility.py",
    "sessions/eligibility_list.py",
    "sessions/running_gate.py",
    "sessions/gates.py",
    "sessions/scoring.py",
    "sessions/monitoring.py",
    "sessions/charts.py",
}
PURE_FOLDERS = ("sessions/pharmacokinetics/", "scheduling/domain/")
NUMPY_FOLDERS = (*PURE_FOLDERS, "sessions/clearance.py", "bench/")


def is_pure(path: str) -> bool:
    return path in PURE_FILES or path.startswith(PURE_FOLDERS)


def python_files() -> list[str]:
    return sorted(
        path.relative_to(ROOT).as_posix()
        for app in BELOW
        for path in (ROOT / app).rglob("*.py")
        if "/migrations/" not in path.as_posix()
    )


def imports(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the direction"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def pure_target(name: str) -> bool:
    parts = name.split(".")
    return any(
        is_pure("/".join(parts[:depth]) + ".py") or is_pure("/".join(parts[:depth]) + "/__init__.py")
        for depth in range(2, len(parts) + 1)
    )


def faults(path: str, source: str) -> list[str]:
    app, found = path.split("/")[0], []
    for name in imports(source):
        top = name.split(".")[0]
        if top in BELOW and top != app and top not in BELOW[app] and not pure_target(name):
            found.append(f"{path} imports upwards: {name}")
        if is_pure(path) and (top in FRAMEWORKS or (top in BELOW and not pure_target(name))):
            found.append(f"{path} is pure and imports {name}")
        if top == "numpy" and not path.startswith(NUMPY_FOLDERS):
            found.append(f"{path} imports numpy")
    return found


@pytest.mark.parametrize("path", python_files())
def test_imports_point_downwards(path):
    assert faults(path, (ROOT / path).read_text()) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("sessions/services.py", "from scheduling.models import Appointment"),
        ("patients/models.py", "from protocols.models import ProtocolVersion"),
        ("staff/models.py", "import patients.models"),
        ("sessions/dosing.py", "from django.db import models"),
        ("scheduling/domain/windows.py", "from scheduling.models import PlasticityWindow"),
        ("scheduling/services/series.py", "import numpy as np"),
    ],
)
def test_the_guard_sees_a_wrong_import(path, source):
    assert faults(path, source)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("protocols/models.py", "from scheduling.domain.windows import Window"),
        ("scheduling/services/series.py", "from sessions.models import Infusion"),
        ("sessions/clearance.py", "from protocols.definition import ClearanceRule"),
    ],
)
def test_the_guard_allows_a_right_import(path, source):
    assert faults(path, source) == []


def test_every_pure_file_exists():
    assert [path for path in sorted(PURE_FILES) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("path", python_files())
def test_nobody_writes_outside_services(path):
    """Views, API, admin, tasks, forms and commands call services; they do not write rows themselves."""
    parts = path.split("/")
    if parts[1] == "services" or not re.search(
        r"(views|api|admin|tasks|forms|serializers|commands)", "/".join(parts[1:])
    ):
        return
    writes = re.findall(
        r"\.(?:save|bulk_create|bulk_update|update_or_create|get_or_create)\(|objects\.create\(",
        (ROOT / path).read_text(),
    )
    allowed = 2 if path == "staff/api.py" else 0  # the idempotency record is the edge's own
    assert len(writes) <= allowed, f"{path} writes: {writes}"


def test_eager_celery_and_locmem_mail_stay_in_unit_tests():
    banned = re.compile("|".join(["ALWAYS" + "_EAGER", "task_always" + "_eager", "loc" + "mem.EmailBackend"]))
    found = [
        path.relative_to(ROOT).as_posix()
        for folder in (*BELOW, "tests/journeys", "tests/faults", "tests/concurrency")
        for path in (ROOT / folder).rglob("*.py")
        if banned.search(path.read_text())
    ]
    assert found == []


def test_no_test_sleeps():
    nap = re.compile("time" + r"\.sleep\(|wait_for" + r"_timeout\(")
    found = [path.name for path in (ROOT / "tests").rglob("*.py") if nap.search(path.read_text())]
    assert found == []


def test_templates_keep_the_content_security_policy():
    """No inline style, script or handler: the policy is 'self' and the pages must work under it."""
    inline = re.compile(r"\sstyle=|<style|\son[a-z]+=\"|hx-on|<script(?![^>]*\ssrc=)")
    found = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "templates").rglob("*.html")
        if inline.search(path.read_text()) and "emails" not in path.parts
    ]
    assert found == []
