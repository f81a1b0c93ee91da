"""The command `predict_concentration`, to the letter of its contract, and without any database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessions.management.commands.predict_concentration import answer_line
from sessions.pharmacokinetics.contract import answer, shortest_decimal
from staff.errors import InvalidInput

ROOT = Path(__file__).resolve().parents[2]
STANDARD: dict[str, Any] = {
    "id": "std",
    "model": "otto2021",
    "weight_kg": 70,
    "age_y": 40,
    "sex": "F",
    "covariates": {},
    "regimen": {"bolus": [], "inf": [[0, 40, 0.875]]},
    "times_min": [60, 0, 40],
    "thresholds_ng_ml": [50, 20, 10],
    "population": None,
}
OUT_KEYS = [
    "id",
    "model",
    "ketamine_ng_ml",
    "norketamine_ng_ml",
    "cmax_ng_ml",
    "tmax_min",
    "below_min",
    "below_10pct_cmax_min",
    "nk_cmax_ng_ml",
    "nk_tmax_min",
    "population",
    "warnings",
]


def request(**changes: Any) -> dict[str, Any]:
    return {key: value for key, value in {**STANDARD, **changes}.items() if value is not ...}


def codes(found: dict[str, Any]) -> list[str]:
    return [item["code"] for item in found["warnings"]]


def test_the_standard_request() -> None:
    found = answer(STANDARD)
    assert list(found) == OUT_KEYS
    assert found["ketamine_ng_ml"] == pytest.approx([103.75483, 0, 158.04173], rel=1e-6)
    assert found["norketamine_ng_ml"] == pytest.approx([68.451828, 0, 47.085424], rel=1e-6)
    assert found["below_min"] == pytest.approx({"50": 133.36369, "20": 279.42833, "10": 417.14101}, abs=0.01)
    assert found["warnings"] == []
    assert found["population"] is None


def test_defaults() -> None:
    bare = {"model": "otto2021", "weight_kg": 70, "regimen": {"inf": [[0, 40, 0.875]]}}
    found = answer(bare)
    assert found["id"] is None
    assert found["ketamine_ng_ml"] == []
    assert list(found["below_min"]) == ["50", "20", "10"]


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (20, "20"),
        (20.0, "20"),
        (12.5, "12.5"),
        (0.1, "0.1"),
        (100.0, "100"),
        (1e-5, "0.00001"),
        (Decimal("2.50"), "2.5"),
    ],
)
def test_threshold_keys_are_shortest_decimals(value: Any, key: str) -> None:
    assert list(answer(request(thresholds_ng_ml=[value]))["below_min"]) == [key]
    assert shortest_decimal(float(value)) == key


def test_an_empty_regimen_is_zero() -> None:
    for regimen in ({}, {"bolus": [], "inf": []}, {"bolus": [[3, 0]], "inf": [[2, 2, 9], [1, 5, 0]]}):
        found = answer(request(regimen=regimen, population={"residual": True}))
        assert found["ketamine_ng_ml"] == [0.0, 0.0, 0.0]
        assert (found["cmax_ng_ml"], found["tmax_min"]) == (0.0, None)
        assert found["below_min"] == {"50": None, "20": None, "10": None}
        assert found["below_10pct_cmax_min"] is None
        assert found["population"]["below_min"]["20"] == {"p5": None, "p50": None, "p95": None, "never": 1.0}


def test_order_of_segments_and_overlaps_do_not_matter() -> None:
    one = answer(request(regimen={"inf": [[0, 40, 0.5], [10, 20, 0.25], [0, 40, 0.375]], "bolus": [[5, 3]]}))
    two = answer(request(regimen={"bolus": [[5, 1], [5, 2]], "inf": [[10, 20, 0.25], [0, 40, 0.875]]}))
    assert one["ketamine_ng_ml"] == pytest.approx(two["ketamine_ng_ml"], rel=1e-12)
    assert one["below_min"] == pytest.approx(two["below_min"], rel=1e-12)


def test_population_shape_and_residual() -> None:
    found = answer(request(population={"residual": True}))["population"]
    assert list(found) == ["cmax_ng_ml", "below_min"]
    assert list(found["cmax_ng_ml"]) == ["p5", "p50", "p95"]
    assert list(found["below_min"]["20"]) == ["p5", "p50", "p95", "never"]
    narrow = answer(request(population={"residual": False}))["population"]
    assert narrow["cmax_ng_ml"]["p95"] < found["cmax_ng_ml"]["p95"]
    assert found["below_min"]["20"]["p95"] == pytest.approx(389.03, rel=0.03)
    assert narrow["below_min"]["20"]["p95"] == pytest.approx(349.44, rel=0.03)


@pytest.mark.parametrize("model", ["kamp2020", "kamp2020_lin", "domino1984", "clements1981", "hijazi2003"])
def test_models_without_variances_have_no_population(model: str) -> None:
    found = answer(request(model=model, population={"residual": True}))
    assert found["population"] is None
    assert "no_variability" in codes(found)
    assert found["norketamine_ng_ml"] is None
    assert found["nk_cmax_ng_ml"] is None


@pytest.mark.parametrize("model", ["perez2021", "simons2022"])
def test_models_without_residual_say_so(model: str) -> None:
    with_residual, without = (
        answer(request(model=model, population={"residual": residual})) for residual in (True, False)
    )
    assert "no_residual" in codes(with_residual)
    assert "no_residual" not in codes(without)
    assert with_residual["population"] == without["population"]


@pytest.mark.parametrize("asian", [1, True])
def test_the_declared_covariate_counts(asian: Any) -> None:
    plain = answer(request(model="perez2021", covariates={"asian": 0}))
    found = answer(request(model="perez2021", covariates={"asian": asian}))
    assert found["below_min"]["20"] > plain["below_min"]["20"]
    assert plain["cmax_ng_ml"] == pytest.approx(124.84297, rel=1e-6)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"weight_kg": 45}, "weight_below_50"),
        ({"weight_kg": 160}, "weight_above_100"),
        ({"age_y": 80}, "age_above_60"),
        ({"model": "domino1984"}, "comparison_only"),
    ],
)
def test_warnings(changes: dict[str, Any], code: str) -> None:
    assert code in codes(answer(request(**changes)))


def test_older_age_names_the_sensitivity_beside() -> None:
    message = answer(request(age_y=80))["warnings"][0]["message"]
    assert "357.3" in message


BAD = {
    "model": {"model": "otto"},
    "model ": {"model": None},
    "model  ": {"model": ...},
    "weight_kg": {"weight_kg": 0},
    "weight_kg ": {"weight_kg": -70},
    "weight_kg  ": {"weight_kg": float("nan")},
    "weight_kg   ": {"weight_kg": True},
    "weight_kg    ": {"weight_kg": "70"},
    "weight_kg     ": {"weight_kg": ...},
    "weight_kg      ": {"weight_kg": 10**400},
    "age_y": {"model": "perez2021", "age_y": None},
    "age_y ": {"age_y": -1},
    "sex": {"sex": "X"},
    "covariates.asian": {"covariates": {"asian": 1}},
    "covariates.asian ": {"model": "perez2021", "covariates": {"asian": 2}},
    "covariates.asian  ": {"model": "perez2021", "covariates": {"asian": "yes"}},
    "covariates": {"covariates": []},
    "regimen": {"regimen": ...},
    "regimen ": {"regimen": []},
    "regimen.oral": {"regimen": {"oral": []}},
    "regimen.inf.0": {"regimen": {"inf": [[5, 4, 1]]}},
    "regimen.inf.1": {"regimen": {"inf": [[0, 4, 1], [0, 4, -1]]}},
    "regimen.inf.0 ": {"regimen": {"inf": [[0, 4]]}},
    "regimen.inf.0  ": {"regimen": {"inf": [[0, float("inf"), 1]]}},
    "regimen.inf": {"regimen": {"inf": {}}},
    "regimen.bolus.0": {"regimen": {"bolus": [[0, -1]]}},
    "regimen.bolus.0 ": {"regimen": {"bolus": [7]}},
    "regimen.bolus.0  ": {"regimen": {"bolus": [[True, 7]]}},
    "regimen  ": {"regimen": {"inf": [[0, 40, 1e308]]}},
    "times_min.1": {"times_min": [0, -1]},
    "times_min.0": {"times_min": [None]},
    "times_min": {"times_min": 5},
    "thresholds_ng_ml.0": {"thresholds_ng_ml": [0]},
    "thresholds_ng_ml.1": {"thresholds_ng_ml": [20, float("inf")]},
    "population": {"population": True},
    "population.residual": {"population": {}},
    "population.residual ": {"population": {"residual": 1}},
    "population.n": {"population": {"residual": True, "n": 5}},
    "dose": {"dose": 35},
    "id": {"id": [1]},
    "id ": {"id": True},
}


@pytest.mark.parametrize("name", BAD)
def test_bad_values_name_their_field(name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        answer(request(**BAD[name]))
    assert refused.value.field == name.strip()


@pytest.mark.parametrize(
    ("line", "identity", "field"),
    [
        (b"nonsense", None, "line"),
        (b"[1]", None, "line"),
        (b'{"id": 1, "id": 2}', None, "line"),
        (b'{"id": "x", "model": "otto2021"}', "x", "weight_kg"),
        (b'{"id": 3, "model": "otto2021", "weight_kg": NaN}', 3, "weight_kg"),
        (b'{"id": 4, "model": "otto2021", "weight_kg": 1e400}', 4, "weight_kg"),
        (b'{"id": NaN, "model": "otto2021"}', None, "id"),
        (b"\xff\xfe", None, "line"),
        (b"[" * 100_000, None, "line"),
        (b'{"id": "\\ud800", "model": 5}', "\ud800", "model"),
    ],
)
def test_bad_lines_are_answered(line: bytes, identity: Any, field: str) -> None:
    text, good = answer_line(line)
    assert not good
    found = json.loads(text)
    assert (found["id"], found["error"]["field"]) == (identity, field)
    assert found["error"]["message"]


numbers = st.one_of(
    st.integers(-5, 200),
    st.floats(allow_nan=True, allow_infinity=True),
    st.booleans(),
    st.none(),
    st.text(max_size=3),
)
lists = st.lists(st.one_of(numbers, st.lists(numbers, max_size=4)), max_size=4)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "id": st.one_of(numbers, lists),
            "model": st.sampled_from(["otto2021", "perez2021", "simons2022", "x", 3]),
            "weight_kg": st.one_of(st.just(70), numbers),
            "age_y": st.one_of(st.just(70), numbers),
            "covariates": st.one_of(st.just({"asian": 1}), lists),
            "regimen": st.one_of(
                st.just({"inf": [[0, 40, 1]]}), st.fixed_dictionaries({"bolus": lists, "inf": lists})
            ),
            "times_min": lists,
            "thresholds_ng_ml": lists,
            "population": st.one_of(st.just({"residual": True}), lists),
        },
    )
)
def test_no_line_makes_it_fall(data: dict[str, Any]) -> None:
    text, good = answer_line(json.dumps(data).encode())
    found = json.loads(text)
    assert list(found) == OUT_KEYS if good else set(found) == {"id", "error"}


def _run(arguments: list[str], lines: bytes) -> subprocess.CompletedProcess[bytes]:
    """A process of its own with no database in its environment, and none that it could reach."""
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("DATABASE", "REDIS", "PG", "CLEARWINDOW"))
    }
    environment |= {"DJANGO_SETTINGS_MODULE": "config.settings", "CLEARWINDOW_ENV": "test"}
    command = [sys.executable, "-m", "django", "predict_concentration", *arguments]
    return subprocess.run(
        command, input=lines, capture_output=True, cwd=ROOT, env=environment, timeout=120, check=False
    )


def test_the_command_goes_on_after_a_bad_line_and_exits_2() -> None:
    good = json.dumps(STANDARD).encode()
    ran = _run([], b"\n".join([good, b"", b"  ", b"broken", json.dumps(request(id=2)).encode()]))
    assert ran.returncode == 2, ran.stderr
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [line["id"] for line in lines] == ["std", None, 2]
    assert lines[1]["error"]["field"] == "line"
    assert lines[0] == answer(STANDARD)


def test_the_command_reads_a_file_and_exits_0_with_warnings(tmp_path: Path) -> None:
    source = tmp_path / "requests.jsonl"
    source.write_bytes(b"\xef\xbb\xbf" + json.dumps(request(weight_kg=45)).encode() + b"\r\n")
    ran = _run([str(source)], b"")
    assert ran.returncode == 0, ran.stderr
    assert codes(json.loads(ran.stdout)) == ["weight_below_50"]


def test_an_unreadable_file_exits_2(tmp_path: Path) -> None:
    ran = _run([str(tmp_path / "missing")], b"")
    assert ran.returncode == 2
    assert ran.stdout == b""
