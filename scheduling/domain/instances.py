"""Planning instances of schema `ketamine-series/1`: read, check, lay out, and write the solution. Pure
module.

Times are whole quarter hours from a Monday 00:00, all intervals half open. The numbers of an instance
(session open and close, lead, staff for the whole stay) are its own; the same clinic and the same exact
planner serve the product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from scheduling.domain.clinic import Clinic
from scheduling.domain.clinic_types import Case, Part, Placement, SessionSpec
from scheduling.domain.occupancy import Pool, ones, span_starts, to_flags, to_slots
from scheduling.domain.series_core import BIG, GapRule
from scheduling.domain.slots import PER_HOUR, IntArray
from staff.errors import InvalidInput

SCHEMA = "ketamine-series/1"
WEIGHTS = (
    "unplanned", "missing", "wait_day", "gap_hour", "pref", "prescriber", "therapist", "late_hour", "peak",
)  # fmt: skip
RESOURCES = {
    "chairs": ("busy",),
    "nurses": ("capacity", "shifts", "load"),
    "prescribers": ("capacity", "shifts", "load"),
    "therapists": ("hours", "busy"),
}
PATIENT_NUMBERS = (
    "priority",
    "release",
    "n_infusions",
    "stay",
    "turnover",
    "gap_min",
    "gap_max",
    "gap_target",
    "lead",
)
PATIENT_SPANS = ("available", "session_available", "preferred")
SESSION_NUMBERS = ("open", "close", "prime", "slots")
MAX_SLOTS = 96 * 366


class Laid(NamedTuple):
    """An instance laid out: the clinic with its existing bookings, and one case per patient in file order."""

    clinic: Clinic
    cases: tuple[Case, ...]


def check_instance(data: Any) -> dict[str, Any]:
    """The instance, if it can be read. Raises InvalidInput naming the first thing that cannot."""
    _need(isinstance(data, dict), "must be an object", "instance")
    _need(data.get("schema", SCHEMA) == SCHEMA, f"must be {SCHEMA}", "schema")
    for name in ("horizon_days", "slots_per_day"):
        _need(_whole(data.get(name)) and data[name] > 0, "must be a whole number above 0", name)
    _need(data["horizon_days"] * data["slots_per_day"] <= MAX_SLOTS, "must be at most a year", "horizon_days")
    _spans(data, "open", "")
    weights = data.get("weights")
    _need(isinstance(weights, dict), "must be an object", "weights")
    for name in WEIGHTS:
        _need(
            _whole(weights.get(name)) and 0 <= weights[name] < 1 << 20,
            "must be a whole number",
            f"weights.{name}",
        )
    for kind, fields in RESOURCES.items():
        for number, item in enumerate(_records(data, kind)):
            for field in fields:
                path = f"{kind}.{number}."
                if field == "capacity":
                    _need(_whole(item.get(field)) and 0 < item[field] < 1000, "must be above 0", path + field)
                else:
                    _spans(item, field, path)
    therapists = {item["id"] for item in data["therapists"]}
    for number, item in enumerate(_records(data, "patients")):
        _check_patient(item, f"patients.{number}.", therapists)
    return dict(data)


def _check_patient(item: Mapping[str, Any], path: str, therapists: set[str]) -> None:
    for name in PATIENT_NUMBERS:
        _need(_whole(item.get(name)) and 0 <= item[name] <= MAX_SLOTS, "must be a whole number", path + name)
    for name in ("n_infusions", "stay"):
        _need(item[name] > 0, "must be above 0", path + name)
    _need(
        item["n_infusions"] == 1 or 0 < item["gap_min"] <= item["gap_max"],
        "must be above 0",
        path + "gap_min",
    )
    for name in PATIENT_SPANS:
        _spans(item, name, path)
    named = _list(item, "therapists", path)
    known = all(isinstance(name, str) and name in therapists for name in named)
    _need(known and len(set(named)) == len(named), "unknown id, or one listed twice", path + "therapists")
    for number, session in enumerate(_list(item, "sessions", path)):
        where = f"{path}sessions.{number}"
        _need(isinstance(session, dict), "must be an object", where)
        for name in SESSION_NUMBERS:
            _need(
                _whole(session.get(name)) and 0 <= session[name] <= MAX_SLOTS, "must be a whole number", where
            )
        _need(session["slots"] > 0, "must be above 0", where)


def _list(item: Mapping[str, Any], name: str, path: str) -> list[Any]:
    found = item.get(name)
    if not isinstance(found, list):
        raise InvalidInput("must be a list", field=path + name)
    return found


def _records(data: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    items = _list(data, kind, "")
    seen = set()
    for number, item in enumerate(items):
        _need(isinstance(item, dict) and isinstance(item.get("id"), str), "needs an id", f"{kind}.{number}")
        _need(item["id"] not in seen, "is listed twice", f"{kind}.{number}.id")
        seen.add(item["id"])
    return items


def _spans(item: Mapping[str, Any], name: str, path: str) -> None:
    for span in _list(item, name, path):
        good = isinstance(span, list) and len(span) == 2 and all(_whole(edge) for edge in span)
        _need(
            good and abs(span[0]) <= MAX_SLOTS and span[0] <= span[1] <= 2 * MAX_SLOTS,
            "bad interval",
            path + name,
        )


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _need(holds: Any, message: str, path: str) -> None:
    if not holds:
        raise InvalidInput(message, field=path)


def lay_out(data: Mapping[str, Any], patients: Sequence[str] | None = None) -> Laid:
    """Clinic and cases of a checked instance, for all patients or the named ones. Raises InvalidInput for an
    unknown id.
    """
    chosen = list(data["patients"])
    if patients is not None:
        known = {item["id"]: item for item in chosen}
        for name in patients:
            _need(name in known, f"unknown patient {name}", "patient")
        chosen = [known[name] for name in patients]
    slots = data["horizon_days"] * data["slots_per_day"]
    always = [(0, slots)]
    clinic = Clinic(
        Pool(
            slots, [always for _ in data["chairs"]], [1] * len(data["chairs"]), _each(data["chairs"], "busy")
        ),
        _team(slots, data["nurses"]),
        _team(slots, data["prescribers"]),
        Pool(
            slots,
            _each(data["therapists"], "hours"),
            [1] * len(data["therapists"]),
            _each(data["therapists"], "busy"),
        ),
        np.arange(data["horizon_days"], dtype=np.int64) * data["slots_per_day"],
    )
    for row, nurse in enumerate(data["nurses"]):
        for start, _ in nurse["load"]:
            clinic.nurses.mark_start(row, start)
    return Laid(clinic, tuple(_case(data, item, clinic) for item in chosen))


def _each(items: Sequence[Mapping[str, Any]], name: str) -> list[list[tuple[int, int]]]:
    return [[(start, end) for start, end in item[name]] for item in items]


def _team(slots: int, items: Sequence[Mapping[str, Any]]) -> Pool:
    return Pool(slots, _each(items, "shifts"), [item["capacity"] for item in items], _each(items, "load"))


def _covered(spans: Sequence[Sequence[int]], slots: int, length: int) -> int:
    """Slots (as bits) from which one span covers `length` slots."""
    return span_starts([(start, end) for start, end in spans], slots, 0, length)


def _case(data: Mapping[str, Any], item: Mapping[str, Any], clinic: Clinic) -> Case:
    weights, slots = data["weights"], clinic.slots
    stay, turnover = item["stay"], item["turnover"]
    possible = _covered(data["open"], slots, stay + turnover) & _covered(item["available"], slots, stay)
    possible &= ones(min(item["release"], slots), slots - stay - turnover + 1)
    starts = to_slots(possible, slots)
    sessions = _sessions(data, item, clinic, starts)
    names = [row["id"] for row in data["prescribers"]]
    rule = _gap_rule(item, weights["gap_hour"])
    return Case(
        key=item["id"],
        starts=starts,
        possible=possible,
        node=_node(data, item, starts),
        gaps=(rule,) * (item["n_infusions"] - 1),
        chair_length=stay + turnover,
        nurse_parts=(Part(0, stay),),
        prescriber_parts=(Part(0, stay),),
        inner=sessions,
        last=sessions,
        lead=item["lead"],
        own_prescriber=names.index(item["prescriber"]) if item.get("prescriber") in names else None,
        prescriber_cost=weights["prescriber"],
        peak_cost=weights["peak"],
        unplanned_cost=weights["unplanned"] * item["priority"],
    )


def _gap_rule(item: Mapping[str, Any], hour_cost: int) -> GapRule:
    gap = np.arange(item["gap_max"] + 1, dtype=np.int64)
    return GapRule(
        item["gap_min"], item["gap_max"], hour_cost * (np.abs(gap - item["gap_target"]) // PER_HOUR)
    )


def _node(data: Mapping[str, Any], item: Mapping[str, Any], starts: IntArray) -> IntArray:
    """Preference for every visit, waiting for the first."""
    weights, per_day = data["weights"], data["slots_per_day"]
    slots = data["horizon_days"] * per_day
    liked = to_flags(_covered(item["preferred"], slots, item["stay"]), slots)[starts]
    node = np.tile(np.where(liked, 0, weights["pref"]).astype(np.int64), (item["n_infusions"], 1))
    node[0] += weights["wait_day"] * item["priority"] * (starts // per_day - item["release"] // per_day)
    return np.minimum(node, BIG)


def _sessions(
    data: Mapping[str, Any], item: Mapping[str, Any], clinic: Clinic, starts: IntArray
) -> tuple[SessionSpec, ...]:
    weights = data["weights"]
    rows = {row["id"]: number for number, row in enumerate(data["therapists"])}
    ends = starts + item["stay"]
    return tuple(
        SessionSpec(
            kind=str(number),
            opens=ends + session["open"],
            closes=ends + session["close"],
            prime=ends + session["prime"],
            length=session["slots"],
            rows=tuple(rows[name] for name in item["therapists"]),
            patient_free=_covered(item["session_available"], clinic.slots, session["slots"]),
            late_cost=weights["late_hour"],
            other_cost=weights["therapist"],
            missing_cost=weights["missing"],
        )
        for number, session in sorted(enumerate(item["sessions"]), key=lambda pair: pair[1]["open"])
    )


def solution(data: Mapping[str, Any], laid: Laid, placements: Sequence[Placement]) -> dict[str, Any]:
    """The solution in the schema's form; patients in the order of the file."""
    ids = {kind: [item["id"] for item in data[kind]] for kind in RESOURCES}
    order = {item["id"]: number for number, item in enumerate(data["patients"])}
    cases = {case.key: case for case in laid.cases}
    plans = [
        {
            "patient": placement.key,
            "infusions": [
                {
                    "start": seat.start,
                    "chair": ids["chairs"][seat.chair],
                    "nurse": ids["nurses"][seat.nurse],
                    "prescriber": ids["prescribers"][seat.prescriber],
                }
                for seat in placement.seats
            ],
            "sessions": [
                {
                    "infusion": sitting.visit,
                    "index": int(cases[placement.key].inner[sitting.nth].kind),
                    "start": sitting.start,
                    "therapist": ids["therapists"][sitting.therapist],
                }
                for sitting in placement.sittings
            ],
        }
        for placement in sorted(placements, key=lambda placement: order[placement.key])
    ]
    return {"instance": data.get("name", ""), "plans": plans}
