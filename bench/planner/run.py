"""First-fit, one after another, CP-SAT and the planner side by side on the same instances, each scored the same way.

    python bench/planner/run.py [INSTANCE.json ...] [--seconds 5] [--cp-sat-python PATH] [--made 10 25]

Without instances and without --made, two made clinics of 10 series. Times are wall times of whole processes with two
workers; the machine may be busy: trust the comparison, not the seconds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import first_fit
from make_instance import make

from scheduling.domain.bounds import Bound
from scheduling.domain.clinic import Clinic
from scheduling.domain.clinic_types import Case, Placement
from scheduling.domain.instances import check_instance, lay_out, solution
from scheduling.domain.search import Search, bound
from scheduling.domain.series_core import BIG, solve
from tests.scheduling.domain.scorer import score

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
Instance = dict[str, Any]


def answer(command: list[str]) -> tuple[dict[str, Any], float]:
    """What a program prints, and how long it took from start to exit."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    return json.loads(done.stdout), time.perf_counter() - began


def line(name: str, instance: Instance, found: dict[str, Any], seconds: float) -> str:
    """One line of the table; a solution that breaks a rule is said to be wrong."""
    bad, points = score(instance, found)
    wanted = sum(len(item["sessions"]) * item["n_infusions"] for item in instance["patients"])
    kept = sum(len(plan["sessions"]) for plan in found["plans"])
    cost = f"{points.total()}" if not bad else f"WRONG ({bad[0]})"
    return f"| {name} | {len(found['plans'])}/{len(instance['patients'])} | {cost} | {kept}/{wanted} | {seconds:.2f} |"


def one_after_another(instance: Instance) -> dict[str, Any]:
    """Each series at its exact optimum in what is left, by the planner's first pass."""
    laid = lay_out(instance)
    search = Search(laid.clinic, laid.cases)
    search.opening()
    return solution(instance, laid, list(search.best.placements.values()))


def joint(path: Path, seconds: float, cp_sat: str) -> None:
    """All methods on one instance."""
    instance = check_instance(json.loads(path.read_text()))
    laid = lay_out(instance)
    first, relaxed = bound(laid.clinic, laid.cases), Bound(laid.clinic, laid.cases)
    print(f"\n**{instance.get('name', path.stem)}**, {len(instance['patients'])} series, {seconds:g} s\n")
    print(
        "| method | series planned | objective | sessions in window | seconds |\n| --- | --- | --- | --- | --- |"
    )
    for name, plan in (
        ("first-fit", lambda: first_fit.plan(instance, restarts=1)),
        ("first-fit, 10 first days", lambda: first_fit.plan(instance)),
        ("exact, one after another", lambda: one_after_another(instance)),
    ):
        began = time.perf_counter()
        print(line(name, instance, plan(), time.perf_counter() - began), flush=True)
    if cp_sat:
        command = [cp_sat, str(HERE / "cp_sat.py"), str(path), "--seconds", str(seconds)]
        print(line("CP-SAT, 2 workers", instance, *answer(command)), flush=True)
    command = [sys.executable, "manage.py", "plan_instance", str(path), "--seconds", str(seconds)]
    found, taken = answer(command)
    print(line("planner, 2 workers", instance, found, taken), flush=True)
    best, began = score(instance, found)[1].total(), time.perf_counter()
    while not relaxed.done and time.perf_counter() - began < seconds:
        relaxed.tighten(best)
    value = max(first, relaxed.value)
    print(
        f"\nBound: {first} at once, {value} after {time.perf_counter() - began:.1f} s; "
        f"the planner is at most {100 * (best - value) / max(1, value):.1f} % above the best possible."
    )


def single(paths: list[Path], cp_sat: str, most: int) -> None:
    """Every patient alone: milliseconds from the laid-out clinic to people and sessions; a few by CP-SAT as well."""
    print(
        "\n**One series alone**\n\n| instance | patients | median ms | p95 ms | most ms | CP-SAT median s | equal |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for path in paths:
        instance = check_instance(json.loads(path.read_text()))
        taken, slow, equal = [], [], 0
        for number, patient in enumerate(instance["patients"]):
            laid = lay_out(instance, [patient["id"]])
            began = time.perf_counter()
            placement = laid.clinic.propose(laid.cases[0])
            taken.append(1000 * (time.perf_counter() - began))
            if cp_sat and number < most:
                lone = {**instance, "patients": [patient]}
                mine = score(lone, solution(instance, laid, [placement] if placement else []))[1].total()
                with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
                    file.write(json.dumps(lone))
                    file.flush()
                    found, seconds = answer([cp_sat, str(HERE / "cp_sat.py"), file.name, "--seconds", "60"])
                slow.append(seconds)
                bad, points = score(lone, found)
                equal += not bad and points.total() == mine
        ranked = sorted(taken)
        print(
            f"| {instance.get('name', path.stem)} | {len(taken)} | {statistics.median(taken):.2f} | "
            f"{ranked[int(0.95 * (len(ranked) - 1))]:.2f} | {ranked[-1]:.2f} | "
            f"{f'{statistics.median(slow):.2f}' if slow else '-'} | {f'{equal}/{len(slow)}' if slow else '-'} |",
            flush=True,
        )


def after_cancellation(path: Path) -> None:
    """Each later infusion of each series cancelled in a full clinic, its day barred: is there a legal rest, how fast?

    And the waitlist: one exact plan for every patient of the file in what that clinic has left.
    """
    instance = check_instance(json.loads(path.read_text()))
    laid = lay_out(instance)
    search = Search(laid.clinic, laid.cases)
    search.opening()
    placed = search.best.placements
    search.adopt(search.best)
    print(f"\n**{instance.get('name', path.stem)}, after a cancellation** ({len(placed)} series in place)\n")
    print(
        "| longest first gap | cancelled | legal rest found | median ms | most ms |\n| --- | --- | --- | --- | --- |"
    )
    for hours in (96, 168):
        taken, found = [], 0
        for case in laid.cases:
            for visit in range(1, len(placed[case.key].seats) if case.key in placed else 0):
                laid.clinic.give_back(case, placed[case.key])
                began = time.perf_counter()
                left = rest(laid.clinic, case, placed[case.key], visit, 4 * hours)
                found += solve(laid.clinic.lay(left).problem) is not None
                taken.append(1000 * (time.perf_counter() - began))
                laid.clinic.take(case, placed[case.key])
        if taken:
            share = f"{100 * found / len(taken):.0f} %"
            print(
                f"| {hours} h | {len(taken)} | {share} | {statistics.median(taken):.2f} | {max(taken):.2f} |"
            )
    began = time.perf_counter()
    fitting = sum(laid.clinic.propose(case) is not None for case in laid.cases)
    spent = 1000 * (time.perf_counter() - began)
    print(f"\nWaitlist: {len(laid.cases)} patients asked in {spent:.0f} ms, {fitting} fit into what is left.")


def rest(clinic: Clinic, case: Case, placement: Placement, visit: int, longest: int) -> Case:
    """The series from `visit` on: that day barred, the first gap at most `longest` slots, the others as they are."""
    before, gone = placement.seats[visit - 1].start, placement.seats[visit].start
    gap = case.starts - before
    node = case.node[visit:].copy()
    barred = clinic.day_of[case.starts] == clinic.day_of[gone]
    node[0][(gap < case.gaps[visit - 1].minimum) | (gap > longest) | barred] = BIG
    return replace(case, node=node, gaps=case.gaps[visit:])


def main() -> None:
    """All instances asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("instances", nargs="*", type=Path)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--made", nargs="*", type=int, default=[])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tight", type=float, default=1.2)
    parser.add_argument(
        "--cp-sat-python", default="", help="a Python that has ortools; without it CP-SAT is left out"
    )
    parser.add_argument(
        "--single", type=int, default=3, help="patients per instance that CP-SAT solves alone"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = list(asked.instances)
        sizes = asked.made or ([] if paths else [10, 10])
        for number, series in enumerate(sizes):
            path = Path(folder) / f"made-{series}-{number}.json"
            path.write_text(json.dumps(make(series, asked.seed + number, asked.tight)))
            paths.append(path)
        single(paths, asked.cp_sat_python, asked.single)
        for path in paths:
            after_cancellation(path)
        for path in paths:
            joint(path, asked.seconds, asked.cp_sat_python)


if __name__ == "__main__":
    main()
