"""The queue of acts of the sample clinic: in order of time, each at its moment.

The database's clock stands still at each act (only a demo or test database allows that), so that every recorded
time, refusal and message is what a real clinic would have got.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from scheduling.demo.premises import Premises
from scheduling.dispatch import tick
from staff.clock import set_clock

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
Act = Callable[[], None]


@dataclass
class Player:
    """Acts waiting for their moment. `run` does all that lie before `now`; what lies after stays undone."""

    premises: Premises
    now: datetime
    random: Random
    queue: list[tuple[datetime, int, Act]] = field(default_factory=list)
    counter: itertools.count[int] = field(default_factory=itertools.count)

    def at(self, moment: datetime, act: Act) -> None:
        """Plan an act; acts of one instant keep the order in which they were planned."""
        if moment <= self.now:
            heapq.heappush(self.queue, (moment, next(self.counter), act))

    def run(self) -> None:
        """Do everything up to now, in order of time, the follow-through at its moments included."""
        while self.queue:
            moment, _, act = heapq.heappop(self.queue)
            set_clock(moment, frozen=True)
            act()

    def daily_ticks(self, first: datetime, zone: ZoneInfo) -> None:
        """The follow-through of quiet days: mornings and evenings, when messages are due."""
        day = first.astimezone(zone).date()
        while day <= self.now.astimezone(zone).date():
            for wall in (time(9, 1), time(20, 31)):
                self.at(datetime.combine(day, wall, zone), follow_through)
            day += DAY


def follow_through() -> None:
    """One round of what Celery does every few seconds."""
    tick()
