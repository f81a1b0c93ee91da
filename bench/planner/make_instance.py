"""Random planning instances of schema `ketamine-series/1`, of any size and tightness. Standard library only.

    make_instance.py --series 25 --seed 7 --tight 1.0 > instance.json

They are made, not taken from any clinic: hours, habits and existing bookings are drawn from plausible ranges, so that
a planner is measured on clinics it has never seen. `tight` scales what is already booked; 1.0 is a busy clinic.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from typing import Any

DAY = 96
HOUR = 4
WEIGHTS = {
    "unplanned": 20000, "missing": 1500, "wait_day": 60, "gap_hour": 2, "pref": 40, "prescriber": 30,
    "therapist": 80, "late_hour": 3, "peak": 4,
}  # fmt: skip
Spans = list[list[int]]


class Maker:
    """One instance, drawn from one seed."""

    def __init__(self, series: int, seed: int, tight: float) -> None:
        self.random = random.Random(seed)
        self.series, self.seed, self.tight = series, seed, tight
        self.days = self.random.choice((35, 35, 42))
        shut = set(self.random.sample(range(7, self.days), self.random.randint(0, 2)))
        saturday = self.random.random() < 0.3
        self.open_days = [
            day for day in range(self.days) if day % 7 < 5 + saturday and day not in shut
        ]  # fmt: skip
        self.opens, self.closes = self.random.choice(((32, 72), (32, 72), (28, 68), (30, 76)))

    def instance(self) -> dict[str, Any]:
        """The whole file."""
        series, draw = self.series, self.random
        nurses = [self._nurse(f"N{n + 1}") for n in range(max(2, round(series / 5.4)))]
        prescribers = [self._prescriber(f"M{n + 1}") for n in range(max(2, round(series / 10)))]
        therapists = [self._therapist(f"T{n + 1}") for n in range(max(3, round(series / 3.2)))]
        chairs: list[dict[str, Any]] = [
            {"id": f"C{n + 1}", "busy": []} for n in range(max(3, round(series / 4.1)))
        ]
        for chair in chairs:
            self._existing(chair, nurses, prescribers)
        names = [item["id"] for item in therapists]
        own = [item["id"] for item in prescribers]
        patients = [self._patient(f"P{n + 1:02d}", names, draw.choice(own)) for n in range(series)]
        return {
            "schema": "ketamine-series/1",
            "name": f"made-{series}-{self.seed}",
            "seed": self.seed,
            "slot_minutes": 15,
            "slots_per_day": DAY,
            "horizon_days": self.days,
            "open": self._hours(self.open_days, self.opens, self.closes),
            "chairs": chairs,
            "nurses": nurses,
            "prescribers": prescribers,
            "therapists": therapists,
            "patients": patients,
            "weights": WEIGHTS,
        }

    def _hours(self, days: list[int], opens: int, closes: int) -> Spans:
        return [[day * DAY + opens, day * DAY + closes] for day in days]

    def _working(self, least: int = 4) -> list[int]:
        weekdays = set(self.random.sample(range(5), self.random.randint(least, 5)))
        return [day for day in self.open_days if day % 7 in weekdays or day % 7 > 4]

    def _nurse(self, name: str) -> dict[str, Any]:
        middle = self.random.choice((-10, -8, 0))
        opens, closes = (self.opens, self.closes + middle) if middle else (self.opens + 8, self.closes)
        return {"id": name, "capacity": 2, "shifts": self._hours(self._working(), opens, closes), "load": []}

    def _prescriber(self, name: str) -> dict[str, Any]:
        shifts = self._hours(self._working(), self.opens, self.closes)
        return {"id": name, "capacity": 4, "shifts": shifts, "load": []}

    def _therapist(self, name: str) -> dict[str, Any]:
        first = self.random.choice((32, 36, 36, 44))
        hours: Spans = []
        worked = self._working(least=3)
        for day in worked:
            hours += [
                [day * DAY + first, day * DAY + first + 16],
                [day * DAY + first + 20, day * DAY + first + 32],
            ]
        if self.random.random() < 0.5:
            hours += [[day * DAY + 36, day * DAY + 52] for day in range(5, self.days, 7) if day not in worked]
        hours.sort()
        chance = min(0.95, self.tight * self.random.uniform(0.3, 0.5))
        busy = [
            [start, start + HOUR]
            for opens, closes in hours
            for start in range(opens, closes - HOUR + 1, HOUR)
            if self.random.random() < chance
        ]
        return {"id": name, "hours": hours, "busy": busy}

    def _existing(
        self, chair: dict[str, Any], nurses: list[dict[str, Any]], prescribers: list[dict[str, Any]]
    ) -> None:
        """Bookings that are there already, each with a nurse and a prescriber who have room."""
        for day in self.open_days:
            at = day * DAY + self.opens + self.random.randint(0, 8)
            while at + 9 <= day * DAY + self.closes:
                stay = self.random.randint(7, 9)
                nurse = self._with_room(nurses, at, stay, starts=True)
                prescriber = self._with_room(prescribers, at, stay, starts=False)
                if self.random.random() < 0.3 * self.tight and nurse and prescriber:
                    chair["busy"].append([at, at + stay + 1])
                    nurse["load"].append([at, at + stay])
                    prescriber["load"].append([at, at + stay])
                at += stay + self.random.randint(1, 8)

    def _with_room(
        self, people: list[dict[str, Any]], at: int, stay: int, *, starts: bool
    ) -> dict[str, Any] | None:
        able = [
            person
            for person in people
            if any(a <= at and at + stay <= b for a, b in person["shifts"])
            and all(
                sum(a <= slot < b for a, b in person["load"]) < person["capacity"]
                for slot in range(at, at + stay)
            )
            and not (starts and any(a == at for a, _ in person["load"]))
        ]
        return self.random.choice(able) if able else None

    def _patient(self, name: str, therapists: list[str], prescriber: str) -> dict[str, Any]:
        draw = self.random
        stay = draw.choice((6, 7, 8, 8, 8, 9, 9))
        days = self._working() if draw.random() < 0.3 else list(self.open_days)
        days = [day for day in days if draw.random() > 0.04]
        first, last = draw.choice(((32, 52), (48, 72), (38, 60), (32, 72), (32, 72)))
        liked = draw.choice((32, 36, 40, 52, 56))
        evening = [
            [day * DAY + draw.choice((32, 40, 48)), day * DAY + 80] for day in range(self.days) if day % 7 < 5
        ]
        saturday = [[day * DAY + 36, day * DAY + 56] for day in range(5, self.days, 7)]
        opens = 4 * draw.randint(10, 16)
        sessions = [{"open": opens, "close": opens + 192, "prime": opens + 80, "slots": 4}]
        if draw.random() < 0.3:
            sessions.append({"open": opens + 192, "close": opens + 336, "prime": opens + 240, "slots": 4})
        return {
            "id": name,
            "priority": draw.choice((1, 1, 2, 2, 3)),
            "release": DAY * draw.randint(0, 4) + 32,
            "n_infusions": 6,
            "stay": stay,
            "turnover": 1,
            "gap_min": 192,
            "gap_max": 384,
            "gap_target": 336,
            "lead": 2,
            "available": self._hours(days, first, last),
            "session_available": sorted(evening + saturday),
            "preferred": self._hours(self.open_days, liked, liked + 16),
            "prescriber": prescriber,
            "therapists": draw.sample(therapists, draw.randint(2, 3)),
            "sessions": sessions,
        }


def make(series: int, seed: int, tight: float = 1.0) -> dict[str, Any]:
    """An instance of so many series; the same arguments give the same instance."""
    return Maker(series, seed, tight).instance()


def main() -> None:
    """Print one instance."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tight", type=float, default=1.0)
    asked = parser.parse_args()
    json.dump(make(asked.series, asked.seed, asked.tight), sys.stdout)


if __name__ == "__main__":
    main()
