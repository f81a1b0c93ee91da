"""Which sample patient is at which stage: dates relative to now, nothing stored. Pure apart from its inputs.

The midday site works every day in three chairs at three times a day. A patient keeps chair and time and comes on days
d, d + 3, d + 7, d + 10, ..., so that gaps are 72 and 96 hours and no two patients meet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

SIX, SINGLE, LIMITED = "six-in-three-weeks", "single-infusion", "single-with-limit"
CROSSING = "six-in-three-weeks-one-longer-gap"  # bookable, chosen by nobody yet
OF_ONE_VISIT = (SINGLE, LIMITED)
QUARTER = timedelta(minutes=15)
EARLY, LATE_DAY = time(7, 15), time(17, 30)
MOST_IN_YEAR = 12  # what the limited text allows
MANY_IN_YEAR = 26  # so many in a year are flagged as escalating


@dataclass(frozen=True)
class Course:
    """One patient's series at the midday site.

    `starts`: planned starts, aware; `given`: how many lie behind us (including one running now); `therapy` says what
    became of the therapy after each given visit: "done", "booked", "open", "missed".
    """

    protocol: str
    chair: int
    starts: tuple[datetime, ...]
    given: int
    therapy: str
    pause_minutes: int = 0
    stopped_early: bool = False
    sign: bool = True
    late_minutes: int = 0  # that the first visit really started after its time
    elsewhere: int = 0  # treatments elsewhere in the last year, told at registration
    told_late: int = 0  # told an hour ago, when the visit was booked already
    leaves_early: bool = False  # the last given visit ended against advice
    ambulance: bool = False  # the last given visit ended in an emergency
    outside: str = ""  # therapy after the last given visit is outside the clinic: sent, reported or revoked
    handed_over: bool = False  # its nurse has just offered the patient to a colleague


@dataclass(frozen=True)
class Day:
    """Today at the midday site: `now` floored to a quarter of an hour, in its zone."""

    zone: ZoneInfo
    floor: datetime

    def at(self, days: int, wall: time) -> datetime:
        """The instant of that wall time `days` from today (a time skipped by a DST change moves on by the gap)."""
        day: date = self.floor.astimezone(self.zone).date() + timedelta(days=days)
        return datetime.combine(day, wall, self.zone).astimezone(self.floor.tzinfo)


def today_at(now: datetime, zone: ZoneInfo) -> Day:
    """`now` as the plot counts it."""
    return Day(
        zone, now - timedelta(minutes=now.minute % 15, seconds=now.second, microseconds=now.microsecond)
    )


def offsets(visits: int, first_gap: int) -> list[int]:
    """Days from the first visit: gaps of 3 and 4 days in turn, beginning with `first_gap`."""
    days, gap = [0], first_gap
    while len(days) < visits:
        days.append(days[-1] + gap)
        gap = 7 - gap
    return days


def running(
    day: Day, chair: int, start_today: datetime, *, number: int, protocol: str = SIX, **over: object
) -> Course:
    """A course whose visit `number` (from 1) is today at `start_today`, three days after the one before."""
    wall = start_today.astimezone(day.zone).time()
    visits = 1 if protocol in OF_ONE_VISIT else 6
    before = offsets(number, 3 if number % 2 == 0 else 4)
    after = offsets(visits - number + 1, 4)
    relative = [value - before[-1] for value in before] + after[1:]
    starts = tuple(start_today if value == 0 else day.at(value, wall) for value in relative)
    fields: dict[str, object] = {"given": number, "therapy": "done"}
    return Course(protocol, chair, starts, **(fields | over))  # type: ignore[arg-type]  # keyword fields of Course


def behind(
    day: Day, chair: int, wall: time, *, days_ago: int, number: int, protocol: str = SIX, **over: object
) -> Course:
    """A course whose last given visit was `number`, `days_ago` days ago at `wall`."""
    visits = 1 if protocol == SINGLE else 6
    before = offsets(number, 3 if number % 2 == 0 else 4)
    after = offsets(visits - number + 1, 4)
    relative = [value - before[-1] - days_ago for value in before] + [value - days_ago for value in after[1:]]
    fields: dict[str, object] = {"given": number, "therapy": "open"}
    return Course(protocol, chair, tuple(day.at(value, wall) for value in relative), **(fields | over))  # type: ignore[arg-type]  # keyword fields of Course


def midday_courses(day: Day) -> list[Course]:
    """Every stage at once: running, paused, recovering, signed today, windows open, closing, missed, finished."""
    noon = day.floor.astimezone(day.zone).time()
    mid = time(noon.hour, noon.minute)
    return [
        # In a chair right now.
        running(day, 0, day.floor - QUARTER, number=2, sign=False),
        running(day, 1, day.floor - 7 * QUARTER, number=1, sign=False, handed_over=True),
        # Signed this morning: therapy time is still ahead.
        running(day, 0, day.at(0, EARLY), number=1, therapy="open"),
        running(day, 1, day.at(0, EARLY), number=2, therapy="open", pause_minutes=6),
        running(day, 2, day.at(0, EARLY), number=1, protocol=SINGLE, therapy="open", stopped_early=True),
        # Yesterday and the day before: windows open, some with a session booked or done.
        behind(day, 0, EARLY, days_ago=1, number=1, therapy="open"),
        behind(day, 1, EARLY, days_ago=1, number=1, therapy="booked"),
        behind(day, 2, EARLY, days_ago=1, number=1, therapy="open", protocol=SINGLE, leaves_early=True),
        behind(day, 0, mid, days_ago=1, number=1, therapy="open", outside="sent"),
        behind(day, 0, EARLY, days_ago=2, number=1, therapy="open", outside="reported"),
        behind(day, 1, EARLY, days_ago=2, number=1, therapy="open", protocol=SINGLE, ambulance=True),
        # Closing: the last of the first four days.
        behind(day, 2, mid, days_ago=4, number=1, therapy="open", protocol=SINGLE),
        # Past: missed, and used.
        behind(day, 2, EARLY, days_ago=6, number=1, therapy="missed", protocol=SINGLE),
        # Three visits behind, three to come.
        behind(day, 2, LATE_DAY, days_ago=2, number=3, therapy="open", outside="revoked"),
    ]


def upcoming_courses(day: Day) -> list[Course]:
    """Booked, nothing given yet."""
    noon = day.floor.astimezone(day.zone).time()
    mid = time(noon.hour, noon.minute)
    booked = [
        running(day, 0, day.at(0, LATE_DAY), number=1),
        # Past the limit of exposure: known at booking, and found out when the visit was booked already.
        running(day, 1, day.at(0, LATE_DAY), number=1, protocol=LIMITED, elsewhere=MANY_IN_YEAR),
        running(day, 2, day.at(0, LATE_DAY), number=1, protocol=LIMITED, told_late=MOST_IN_YEAR),
        behind(day, 2, mid, days_ago=-1, number=1),
        behind(day, 2, EARLY, days_ago=-2, number=1),
    ]
    return [_at_the_shortest_gap(day), *(replace(course, given=0) for course in booked)]


def _at_the_shortest_gap(day: Day) -> Course:
    """Arriving now for the second infusion, 48 hours after the first by the plan and less by what happened."""
    today = day.floor + QUARTER
    wall = today.astimezone(day.zone).time()
    later = (day.at(value, wall) for value in offsets(5, 4)[1:])
    starts = (today - timedelta(hours=48), today, *later)
    return Course(SIX, 2, starts, given=1, therapy="done", late_minutes=25)
