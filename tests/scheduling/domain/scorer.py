"""An independent count of what a solution of a planning instance breaks and costs, rule by rule.

Knows nothing of the planner: it reads the two JSON forms only.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any


def _covers(spans, start, end) -> bool:
    return any(a <= start and end <= b for a, b in spans)


def _peak_per_day(instance, bookings) -> list[int]:
    taken = [0] * (instance["horizon_days"] * instance["slots_per_day"])
    for start, end in bookings:
        for slot in range(start, end):
            taken[slot] += 1
    per_day = instance["slots_per_day"]
    return [max(taken[day * per_day : (day + 1) * per_day]) for day in range(instance["horizon_days"])]


def score(instance: dict[str, Any], solution: dict[str, Any]) -> tuple[list[str], Counter[str]]:
    """(violations, points by reason); the objective is the sum of the points."""
    bad: list[str] = []
    points: Counter[str] = Counter()
    weights = instance["weights"]
    patients = {item["id"]: item for item in instance["patients"]}
    use = {
        kind: {item["id"]: [tuple(span) for span in item[name]] for item in instance[kind]}
        for kind, name in (
            ("chairs", "busy"),
            ("nurses", "load"),
            ("prescribers", "load"),
            ("therapists", "busy"),
        )
    }
    chairs_before = [span for spans in use["chairs"].values() for span in spans]
    planned = [plan["patient"] for plan in solution["plans"]]
    if len(set(planned)) != len(planned):
        bad.append("a patient is planned twice")
    for plan in solution["plans"]:
        _score_plan(instance, patients[plan["patient"]], plan, use, bad, points)
    for patient in instance["patients"]:
        if patient["id"] not in planned:
            points["unplanned"] += weights["unplanned"] * patient["priority"]
    _check_room(instance, use, bad)
    before = _peak_per_day(instance, chairs_before)
    after = _peak_per_day(instance, [span for spans in use["chairs"].values() for span in spans])
    points["peak"] += weights["peak"] * sum(b * b - a * a for a, b in zip(before, after, strict=True))
    return bad, points


def _score_plan(instance, patient, plan, use, bad, points) -> None:
    weights, key = instance["weights"], patient["id"]
    visits = plan["infusions"]
    if len(visits) != patient["n_infusions"]:
        bad.append(f"{key}: not a whole series")
    own = []
    for visit in visits:
        start = visit["start"]
        end = start + patient["stay"]
        free = end + patient["turnover"]
        staff = {
            name: next(item for item in instance[f"{name}s"] if item["id"] == visit[name])["shifts"]
            for name in ("nurse", "prescriber")
        }
        legal = (
            start >= patient["release"]
            and free <= instance["horizon_days"] * instance["slots_per_day"]
            and _covers(instance["open"], start, free)
            and _covers(patient["available"], start, end)
            and all(_covers(shifts, start, end) for shifts in staff.values())
        )
        if not legal:
            bad.append(f"{key}: visit at {start} is not legal")
        use["chairs"][visit["chair"]].append((start, free))
        use["nurses"][visit["nurse"]].append((start, end))
        use["prescribers"][visit["prescriber"]].append((start, end))
        own.append((start, end))
        points["preference"] += 0 if _covers(patient["preferred"], start, end) else weights["pref"]
        points["prescriber"] += 0 if visit["prescriber"] == patient["prescriber"] else weights["prescriber"]
    for (before, _), (after, _) in pairwise(own):
        if not patient["gap_min"] <= after - before <= patient["gap_max"]:
            bad.append(f"{key}: gap {after - before}")
        points["gap"] += weights["gap_hour"] * (abs(after - before - patient["gap_target"]) // 4)
    days = own[0][0] // instance["slots_per_day"] - patient["release"] // instance["slots_per_day"]
    points["wait"] += weights["wait_day"] * patient["priority"] * days
    _score_sessions(instance, patient, plan, own, use, bad, points)
    if any(a[1] > b[0] for a, b in pairwise(sorted(own))):
        bad.append(f"{key}: own appointments overlap")


def _score_sessions(instance, patient, plan, own, use, bad, points) -> None:
    weights, key = instance["weights"], patient["id"]
    visits = list(own)
    done = set()
    for sitting in plan["sessions"]:
        wanted = patient["sessions"][sitting["index"]]
        done.add((sitting["infusion"], sitting["index"]))
        start, stop = sitting["start"], sitting["start"] + wanted["slots"]
        after = visits[sitting["infusion"]][1]
        hours = next(item for item in instance["therapists"] if item["id"] == sitting["therapist"])["hours"]
        following = visits[sitting["infusion"] + 1 :]
        legal = (
            start >= after + wanted["open"]
            and stop <= after + wanted["close"]
            and (not following or stop + patient["lead"] <= following[0][0])
            and _covers(patient["session_available"], start, stop)
            and sitting["therapist"] in patient["therapists"]
            and _covers(hours, start, stop)
        )
        if not legal:
            bad.append(f"{key}: session at {start} is not legal")
        use["therapists"][sitting["therapist"]].append((start, stop))
        own.append((start, stop))
        points["late"] += weights["late_hour"] * (max(0, start - after - wanted["prime"]) // 4)
        points["therapist"] += 0 if sitting["therapist"] == patient["therapists"][0] else weights["therapist"]
    if len(done) != len(plan["sessions"]):
        bad.append(f"{key}: a session twice")
    points["missing"] += weights["missing"] * (len(visits) * len(patient["sessions"]) - len(done))


def _check_room(instance, use, bad) -> None:
    for kind, bookings in use.items():
        places = {item["id"]: item.get("capacity", 1) for item in instance[kind]}
        for name, spans in bookings.items():
            taken: dict[int, int] = defaultdict(int)
            for start, end in spans:
                for slot in range(start, end):
                    taken[slot] += 1
            if taken and max(taken.values()) > places[name]:
                bad.append(f"{name}: more at once than there is room for")
            begun = Counter(start for start, _ in spans)
            if kind == "nurses" and begun and max(begun.values()) > 1:
                bad.append(f"{name}: two starts in one slot")
