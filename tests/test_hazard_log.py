"""The hazard log is true: every test it names exists, and no row is without a test or a word on what is missing."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOG = ROOT / "docs" / "safety" / "hazard-log.md"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in LOG.read_text().splitlines()
    if re.match(r"\| H\d+ ", line)
]


def named_tests() -> list[str]:
    return sorted({name for row in ROWS for name in re.findall(r"`(tests/[^`]+)`", row[4])})


def functions(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text()))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def test_all_hazards_are_listed_once():
    assert [row[0] for row in ROWS] == [f"H{number}" for number in range(1, len(ROWS) + 1)]


@pytest.mark.parametrize("name", named_tests())
def test_named_test_exists(name):
    file, _, function = name.partition("::")
    path = ROOT / file
    assert path.exists()
    found = functions(path)
    assert any(one.startswith("test_") for one in found)
    assert not function or function in found


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_every_row_has_a_test_or_says_what_is_missing(row):
    assert "`tests/" in row[4] or len(row[5]) > 5
