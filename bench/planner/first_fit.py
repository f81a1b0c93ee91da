"""The receptionist: patients in order of urgency, each at the first dates that fit; standard library only.

Several first days are tried per patient (`restarts`), as somebody at a desk would.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Instance = dict[str, Any]
Spans = list[list[int]]


def plan(instance: Instance, restarts: int = 10) -> dict[str, Any]:
    """A legal solution; who does not fit is left out."""
    desk = _Desk(instance)
    plans = []
    for patient in sorted(
        instance["patients"], key=lambda item: (-item["priority"], item["release"], item["id"])
    ):
        found = desk.book(patient, restarts)
        if found is not None:
            plans.append(found)
    return {"instance": instance.get("name", ""), "plans": plans}


def _covers(spans: Spans, start: int, end: int) -> bool:
    return any(a <= start and end <= b for a, b in spans)


class _Desk:
    """The calendars, as lists of what is booked."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.end = instance["horizon_days"] * instance["slots_per_day"]
        self.used: dict[str, list[tuple[int, int]]] = {}
        for kind, name in (
            ("chairs", "busy"),
            ("nurses", "load"),
            ("prescribers", "load"),
            ("therapists", "busy"),
        ):
            for item in instance[kind]:
                self.used[item["id"]] = [tuple(span) for span in item[name]]

    def _load(self, name: str, start: int, end: int) -> int:
        spans = [span for span in self.used[name] if span[0] < end and span[1] > start]
        return max((sum(a <= slot < b for a, b in spans) for slot in range(start, end)), default=0)

    def book(self, patient: dict[str, Any], restarts: int) -> dict[str, Any] | None:
        earliest = patient["release"]
        for _ in range(restarts):
            tried = self._series(patient, earliest)
            if tried is not None:
                return tried
            earliest += self.instance["slots_per_day"]
        return None

    def _series(self, patient: dict[str, Any], earliest: int) -> dict[str, Any] | None:
        taken: list[tuple[str, tuple[int, int]]] = []
        infusions: list[dict[str, Any]] = []
        for number in range(patient["n_infusions"]):
            first, last = earliest, self.end
            if number:
                before = infusions[-1]["start"]
                first, last = before + patient["gap_min"], before + patient["gap_max"]
            visit = self._visit(patient, first, last)
            if visit is None:
                self._undo(taken)
                return None
            infusions.append(visit)
            start, stay = visit["start"], visit["start"] + patient["stay"]
            taken += [(visit["chair"], (start, stay + patient["turnover"]))]
            taken += [(visit["nurse"], (start, stay)), (visit["prescriber"], (start, stay))]
            for name, span in taken[-3:]:
                self.used[name].append(span)
        return {
            "patient": patient["id"],
            "infusions": infusions,
            "sessions": self._sessions(patient, infusions),
        }

    def _undo(self, taken: list[tuple[str, tuple[int, int]]]) -> None:
        for name, span in taken:
            self.used[name].remove(span)

    def _visit(self, patient: dict[str, Any], first: int, last: int) -> dict[str, Any] | None:
        stay, turnover = patient["stay"], patient["turnover"]
        for start in range(first, min(last, self.end - stay - turnover) + 1):
            end = start + stay
            if not _covers(patient["available"], start, end) or not _covers(
                self.instance["open"], start, end + turnover
            ):
                continue
            chair = next(
                (c["id"] for c in self.instance["chairs"] if not self._load(c["id"], start, end + turnover)),
                None,
            )
            nurse = next(
                (n["id"] for n in self.instance["nurses"] if self._able(n, start, end, starts=True)), None
            )
            doctor = next(
                (m["id"] for m in self._doctors(patient) if self._able(m, start, end, starts=False)), None
            )
            if chair and nurse and doctor:
                return {"start": start, "chair": chair, "nurse": nurse, "prescriber": doctor}
        return None

    def _doctors(self, patient: dict[str, Any]) -> list[dict[str, Any]]:
        return sorted(self.instance["prescribers"], key=lambda item: item["id"] != patient["prescriber"])

    def _able(self, person: dict[str, Any], start: int, end: int, *, starts: bool) -> bool:
        if not _covers(person["shifts"], start, end):
            return False
        if starts and any(span[0] == start for span in self.used[person["id"]]):
            return False
        return self._load(person["id"], start, end) < person["capacity"]

    def _sessions(self, patient: dict[str, Any], infusions: list[dict[str, Any]]) -> list[dict[str, Any]]:
        people = {item["id"]: item for item in self.instance["therapists"]}
        found = []
        for number, visit in enumerate(infusions):
            end = visit["start"] + patient["stay"]
            limit = (
                infusions[number + 1]["start"] - patient["lead"] if number + 1 < len(infusions) else self.end
            )
            after = 0
            for index, session in enumerate(patient["sessions"]):
                first = max(end + session["open"], after)
                last = min(end + session["close"], limit) - session["slots"]
                for start, name in self._openings(patient, people, first, last, session["slots"]):
                    self.used[name].append((start, start + session["slots"]))
                    found.append({"infusion": number, "index": index, "start": start, "therapist": name})
                    after = start + session["slots"]
                    break
        return found

    def _openings(
        self, patient: dict[str, Any], people: dict[str, Any], first: int, last: int, length: int
    ) -> Iterator[tuple[int, str]]:
        for start in range(first, last + 1):
            if _covers(patient["session_available"], start, start + length):
                for name in patient["therapists"]:
                    free = _covers(people[name]["hours"], start, start + length)
                    if free and not self._load(name, start, start + length):
                        yield start, name
