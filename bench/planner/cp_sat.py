"""The same problem for OR-Tools CP-SAT: intervals, one model for all patients. Runs in an environment of its own.

cp_sat.py INSTANCE.json --seconds 30 --workers 2   prints a solution as JSON, statistics on standard error
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from ortools.sat.python import cp_model

Instance = dict[str, Any]


def starts_in(spans: list[list[int]], length: int, low: int, high: int) -> list[list[int]]:
    """Start slots s in [low, high] with [s, s + length) inside one span, as closed intervals."""
    found = [[max(a, low), min(b - length, high)] for a, b in spans]
    return [span for span in found if span[0] <= span[1]]


def both(first: list[list[int]], second: list[list[int]]) -> list[list[int]]:
    """Intersection of two unions of closed intervals."""
    found = [[max(a, c), min(b, d)] for a, b in first for c, d in second]
    return [span for span in found if span[0] <= span[1]]


class Model:
    """One instance as intervals: optional per chair, nurse, prescriber and therapist; one optional series each."""

    def __init__(self, instance: Instance) -> None:
        self.instance, self.model = instance, cp_model.CpModel()
        self.day, self.days = instance["slots_per_day"], instance["horizon_days"]
        self.end = self.day * self.days
        self.uses: dict[str, list[Any]] = {}
        self.units: dict[str, list[Any]] = {}
        self.cost: list[Any] = []
        self.of_day: list[list[Any]] = [[] for _ in range(self.days)]
        self.plans: list[dict[str, Any]] = []
        for kind, name in (
            ("chairs", "busy"),
            ("nurses", "load"),
            ("prescribers", "load"),
            ("therapists", "busy"),
        ):
            for item in instance[kind]:
                fixed = [self._fixed(a, b) for a, b in item[name]]
                self.uses[item["id"]] = fixed
                self.units[item["id"]] = (
                    [self._fixed(a, a + 1) for a, _ in item[name]] if kind == "nurses" else []
                )
        for patient in instance["patients"]:
            self._series(patient)
        self._resources()
        self._peaks()
        self.model.minimize(sum(self.cost))

    def _fixed(self, start: int, end: int) -> Any:
        return self.model.new_interval_var(start, end - start, end, "")

    def _option(self, start: Any, length: int, present: Any) -> Any:
        return self.model.new_optional_interval_var(start, length, start + length, present, "")

    def _series(self, patient: dict[str, Any]) -> None:
        model, weights = self.model, self.instance["weights"]
        planned = model.new_bool_var("")
        self.cost.append(weights["unplanned"] * patient["priority"] * (1 - planned))
        visits = [self._visit(patient, planned, n) for n in range(patient["n_infusions"])]
        for before, after in pairwise(visits):
            gap = model.new_int_var(patient["gap_min"], patient["gap_max"], "")
            model.add(after["start"] - before["start"] == gap).only_enforce_if(planned)
            off, hours = (
                model.new_int_var(0, patient["gap_max"], ""),
                model.new_int_var(0, patient["gap_max"], ""),
            )
            model.add_abs_equality(off, gap - patient["gap_target"])
            model.add_division_equality(hours, off, 4)
            self._when(planned, weights["gap_hour"] * hours, weights["gap_hour"] * patient["gap_max"])
        sessions = [
            item
            for n, visit in enumerate(visits)
            for item in self._sessions(
                patient, planned, n, visit, visits[n + 1] if n + 1 < len(visits) else None
            )
        ]
        self.plans.append(
            {"patient": patient["id"], "planned": planned, "visits": visits, "sessions": sessions}
        )

    def _when(self, present: Any, amount: Any, most: int) -> None:
        """Cost `amount` if present, else nothing."""
        part = self.model.new_int_var(0, most, "")
        self.model.add(part >= amount).only_enforce_if(present)
        self.cost.append(part)

    def _visit(self, patient: dict[str, Any], planned: Any, number: int) -> dict[str, Any]:
        model, weights, stay = self.model, self.instance["weights"], patient["stay"]
        whole = stay + patient["turnover"]
        allowed = both(
            starts_in(self.instance["open"], whole, patient["release"], self.end - whole),
            starts_in(patient["available"], stay, 0, self.end),
        )
        start = model.new_int_var_from_domain(cp_model.Domain.from_intervals(allowed or [[0, 0]]), "")
        if not allowed:
            model.add(planned == 0)
        days = {low // self.day for low, _ in allowed}
        on = {day: model.new_bool_var("") for day in sorted(days)}
        model.add(sum(on.values()) == planned)
        for day, literal in on.items():
            model.add(start >= day * self.day).only_enforce_if(literal)
            model.add(start < (day + 1) * self.day).only_enforce_if(literal)
            self.of_day[day].append(self._option(start, whole, literal))
            if number == 0:
                waited = max(0, day - patient["release"] // self.day)
                self.cost.append(weights["wait_day"] * patient["priority"] * waited * literal)
        liked = starts_in(patient["preferred"], stay, 0, self.end)
        other = model.new_bool_var("")
        if liked:
            domain = cp_model.Domain.from_intervals(liked)
            model.add_linear_expression_in_domain(start, domain).only_enforce_if([planned, ~other])
        else:
            model.add_implication(planned, other)
        self.cost.append(weights["pref"] * other)
        seats = {}
        for kind, length in (("chairs", whole), ("nurses", stay), ("prescribers", stay)):
            seats[kind] = self._one_of(kind, start, length, planned)
        self.cost += [
            weights["prescriber"] * literal
            for name, literal in seats["prescribers"].items()
            if name != patient["prescriber"]
        ]
        return {"start": start, **seats}

    def _one_of(self, kind: str, start: Any, length: int, planned: Any) -> dict[str, Any]:
        chosen = {}
        for item in self.instance[kind]:
            literal = chosen[item["id"]] = self.model.new_bool_var("")
            if "shifts" in item:
                able = starts_in(item["shifts"], length, 0, self.end)
                domain = cp_model.Domain.from_intervals(able or [[self.end, self.end]])
                self.model.add_linear_expression_in_domain(start, domain).only_enforce_if(literal)
            self.uses[item["id"]].append(self._option(start, length, literal))
            if kind == "nurses":
                self.units[item["id"]].append(self._option(start, 1, literal))
        self.model.add(sum(chosen.values()) == planned)
        return chosen

    def _sessions(
        self, patient: dict[str, Any], planned: Any, number: int, visit: dict[str, Any], following: Any
    ) -> list[dict[str, Any]]:
        model, weights = self.model, self.instance["weights"]
        people = {item["id"]: item for item in self.instance["therapists"]}
        found: list[dict[str, Any]] = []
        for index, session in enumerate(patient["sessions"]):
            length, done = session["slots"], model.new_bool_var("")
            model.add_implication(done, planned)
            self.cost.append(weights["missing"] * (planned - done))
            free = starts_in(patient["session_available"], length, 0, self.end)
            start = model.new_int_var_from_domain(cp_model.Domain.from_intervals(free or [[0, 0]]), "")
            if not free:
                model.add(done == 0)
            over = visit["start"] + patient["stay"]
            model.add(start >= over + session["open"]).only_enforce_if(done)
            model.add(start + length <= over + session["close"]).only_enforce_if(done)
            if following is not None:
                model.add(start + length + patient["lead"] <= following["start"]).only_enforce_if(done)
            for other in found:
                model.add(other["start"] + other["length"] <= start).only_enforce_if([done, other["done"]])
            chosen = {}
            for name in patient["therapists"]:
                literal = chosen[name] = model.new_bool_var("")
                able = starts_in(people[name]["hours"], length, 0, self.end)
                domain = cp_model.Domain.from_intervals(able or [[self.end, self.end]])
                model.add_linear_expression_in_domain(start, domain).only_enforce_if(literal)
                self.uses[name].append(self._option(start, length, literal))
                if name != patient["therapists"][0]:
                    self.cost.append(weights["therapist"] * literal)
            model.add(sum(chosen.values()) == done)
            most = session["close"]
            late, hours = model.new_int_var(0, most, ""), model.new_int_var(0, most, "")
            model.add(late >= start - over - session["prime"]).only_enforce_if(done)
            model.add_division_equality(hours, late, 4)
            self.cost.append(weights["late_hour"] * hours)
            found.append(
                {
                    "infusion": number,
                    "index": index,
                    "start": start,
                    "length": length,
                    "done": done,
                    "who": chosen,
                }
            )
        return found

    def _resources(self) -> None:
        for kind in ("chairs", "therapists"):
            for item in self.instance[kind]:
                self.model.add_no_overlap(self.uses[item["id"]])
        for kind in ("nurses", "prescribers"):
            for item in self.instance[kind]:
                uses = self.uses[item["id"]]
                self.model.add_cumulative(uses, [1] * len(uses), item["capacity"])
                self.model.add_no_overlap(self.units[item["id"]])

    def _peaks(self) -> None:
        weight, chairs = self.instance["weights"]["peak"], len(self.instance["chairs"])
        for day, options in enumerate(self.of_day):
            first, until = day * self.day, (day + 1) * self.day
            fixed = [(a, b) for c in self.instance["chairs"] for a, b in c["busy"] if a < until and b > first]
            base = max((sum(a <= slot < b for a, b in fixed) for slot in range(first, until)), default=0)
            if not options:
                continue
            peak, square = (
                self.model.new_int_var(base, chairs, ""),
                self.model.new_int_var(0, chairs * chairs, ""),
            )
            uses = [*options, *(self._fixed(a, b) for a, b in fixed)]
            self.model.add_cumulative(uses, [1] * len(uses), peak)
            self.model.add_multiplication_equality(square, [peak, peak])
            self.cost.append(weight * (square - base * base))


def main() -> None:
    """Solve one instance and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("instance")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    began = time.monotonic()
    instance = json.loads(Path(asked.instance).read_text())
    built = Model(instance)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = asked.workers
    solver.parameters.max_time_in_seconds = max(0.1, asked.seconds - (time.monotonic() - began))
    status = solver.solve(built.model)
    solved = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    print(solver.status_name(status), solver.best_objective_bound, file=sys.stderr)
    plans = [_read(plan, solver) for plan in built.plans if solved and solver.value(plan["planned"])]
    json.dump({"instance": instance.get("name", ""), "plans": plans}, sys.stdout)


def _read(plan: dict[str, Any], solver: Any) -> dict[str, Any]:
    def who(chosen: dict[str, Any]) -> str:
        return next(name for name, literal in chosen.items() if solver.value(literal))

    return {
        "patient": plan["patient"],
        "infusions": [
            {
                "start": solver.value(visit["start"]),
                "chair": who(visit["chairs"]),
                "nurse": who(visit["nurses"]),
                "prescriber": who(visit["prescribers"]),
            }
            for visit in plan["visits"]
        ],
        "sessions": [
            {
                "infusion": item["infusion"],
                "index": item["index"],
                "start": solver.value(item["start"]),
                "therapist": who(item["who"]),
            }
            for item in plan["sessions"]
            if solver.value(item["done"])
        ],
    }


if __name__ == "__main__":
    main()
