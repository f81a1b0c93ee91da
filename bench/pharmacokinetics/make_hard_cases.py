"""Writes tests/sessions/data/hard_cases.json: regimens that are hard to get right, solved by the independent oracle.

Run again only when the oracle or the set of cases changes: `python bench/pharmacokinetics/make_hard_cases.py`.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.sessions.oracle import MODELS, Oracle  # noqa: E402 - the project's root must be on the path first

CASES = 32
LEVELS = (50.0, 20.0, 3.0)


def pauses(source: random.Random) -> dict[str, Any]:
    """Four runs with pauses between them."""
    at, infusions = source.uniform(0, 5), []
    for _ in range(4):
        length = source.uniform(0.5, 20)
        infusions.append([at, at + length, source.choice([0.3, 0.875, 2.0])])
        at += length + source.uniform(0, 25)
    return {"bolus": [], "inf": infusions}


def days(source: random.Random) -> dict[str, Any]:
    """A series, with one bolus in between."""
    infusions = [[day * 1440.0, day * 1440.0 + 40, source.uniform(0.5, 1.2)] for day in (0, 2, 4, 7, 9, 11)]
    return {"bolus": [[1440.0 * 3.1, 5.0]], "inf": infusions}


def low_rate(source: random.Random) -> dict[str, Any]:
    """A loading dose, then low rates: the curve dips and rises again."""
    at = source.uniform(30, 240)
    infusions = [[at, at + source.uniform(60, 400), source.uniform(0.02, 0.4)], [at + 500, at + 700, 0.1]]
    return {"bolus": [[0.0, source.uniform(20, 60)]], "inf": infusions}


def boluses(source: random.Random) -> dict[str, Any]:
    """Boluses, each given twice at the same instant, and a segment of no length."""
    given = [[source.uniform(0, 100), source.uniform(1, 30)] for _ in range(3)]
    return {"bolus": given * 2, "inf": [[50.0, 50.0, 3.0]]}


def overlaps(source: random.Random) -> dict[str, Any]:
    """Overlapping segments, and a bolus at the very end of one."""
    starts = [source.uniform(0, 60) for _ in range(4)]
    infusions = [[at, at + source.uniform(1, 90), source.uniform(0.05, 1)] for at in starts]
    return {"bolus": [[infusions[0][1], 7.0]], "inf": infusions}


SHAPES = (pauses, days, low_rate, boluses, overlaps)


def case(number: int) -> dict[str, Any]:
    """One request and what the oracle answers."""
    source = random.Random(number)
    model, shape = list(MODELS)[number % len(MODELS)], SHAPES[number % len(SHAPES)]
    weight, age = source.choice([42.5, 70.0, 98.3, 160.0]), source.choice([25.0, 64.0, 82.0])
    asian = model == "perez2021"
    regimen = shape(source)
    source.shuffle(regimen["inf"])
    oracle = Oracle(model, weight, age, asian, regimen)
    between = [at + source.uniform(0, 300) for at in oracle.events[:4]]
    times = sorted([*oracle.events[:6], *between, oracle.events[-1] + 100, oracle.events[-1] + 2000])
    return {
        "request": {
            "id": f"{number}-{model}-{shape.__name__}",
            "model": model,
            "weight_kg": weight,
            "age_y": age,
            "covariates": {"asian": True} if asian else {},
            "regimen": regimen,
            "times_min": times,
            "thresholds_ng_ml": list(LEVELS),
        },
        "ketamine": [oracle.ketamine(at) for at in times],
        "norketamine": None if oracle.nk_place < 0 else [oracle.norketamine(at) for at in times],
        "below": {f"{level:g}": oracle.below(level) for level in LEVELS},
        "peak": oracle.peak(oracle.ketamine),
        "norketamine_peak": None if oracle.nk_place < 0 else oracle.norketamine_peak(),
    }


def main() -> None:
    """Write the file, one case per line."""
    lines = [json.dumps(case(number), separators=(",", ":")) for number in range(CASES)]
    target = ROOT / "tests" / "sessions" / "data" / "hard_cases.json"
    target.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
