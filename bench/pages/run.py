"""Database time of the pages people live in, over a big data set: queue, board, week. See README.md.

    DATABASE_URL=postgres://owner@host/any python bench/pages/run.py          # 20 clinics, 100 000 infusions
    DATABASE_URL=postgres://owner@host/any python bench/pages/run.py --full   # 200, 1 M infusions, 5 M follow-ups

A scratch database is made beside the one named, measured with one clinic in it, filled inside the server, measured
again through the same functions that the pages call, and dropped. The owner must be a superuser.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from bench.scratch import on_server, scratch_database

SCRATCH = "clearwindow_bench_pages"
PROMISED = {"queue": 15.0, "board": 5.0, "week": 5.0}  # p95 of the database time, in milliseconds


@dataclass(frozen=True)
class Taken:
    """One page: milliseconds in the database of each drawing, queries of one, and the slowest statement of them."""

    each: list[float]
    queries: int
    slowest: tuple[float, str, Any]

    @property
    def p95(self) -> float:
        """95th percentile."""
        return statistics.quantiles(self.each, n=20)[-1]


def live_clinic() -> tuple[Any, datetime]:
    """One clinic in the middle of its day: windows in every state, two pumps running, a week booked."""
    from scheduling import dispatch
    from staff.clock import set_clock
    from tests import factories
    from tests.conftest import TUESDAY_NINE
    from tests.scheduling.follow import world

    set_clock(TUESDAY_NINE, frozen=True)
    clinic = factories.make_clinic()
    for number in range(12):
        patient = factories.make_patient(clinic.site, therapist=clinic.therapist)
        start = world.FIRST - timedelta(days=number // 3) + timedelta(hours=3 * (number % 3) - 3)
        set_clock(start + timedelta(hours=5), frozen=True)
        series = world.book_course(clinic, [start, start + timedelta(days=7)], patient=patient)
        world.given(clinic, series.appointments.get(ordinal=1))
    now = world.FIRST + timedelta(hours=23)
    set_clock(now, frozen=True)
    dispatch.tick()
    for chair in range(2):
        patient = factories.make_patient(clinic.site)
        start = now - timedelta(minutes=20 + 40 * chair)
        series = world.book_course(clinic, [], patient=patient, visits=1)
        visit = world.add_visit(clinic, series, start, 1, chair=chair + 1)
        visit.refresh_from_db()
        world.start_pump(clinic, visit)
    return clinic, now


def measured(call: Callable[[], object], repeats: int) -> Taken:
    """Time spent in the database by each of `repeats` calls, after two that are not counted."""
    from django.db import connection

    spent, count, slowest = 0.0, 0, (0.0, "", None)

    def timed(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal spent, count, slowest
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            took = 1000 * (time.perf_counter() - began)
            spent, count = spent + took, count + 1
            by_statement.setdefault(sql, []).append((took, params))

    by_statement: dict[str, list[tuple[float, Any]]] = {}
    call()
    call()
    each = []
    with connection.execute_wrapper(timed):
        for _ in range(repeats):
            spent, count = 0.0, 0
            call()
            each.append(spent)
    medians = {sql: statistics.median(took for took, _ in rows) for sql, rows in by_statement.items()}
    if medians:
        sql = max(medians, key=lambda item: medians[item])
        slowest = (medians[sql], sql, by_statement[sql][0][1])
    return Taken(each, count, slowest)


def pages(clinic: Any, now: datetime) -> dict[str, Callable[[], object]]:
    """What each page reads, as its view calls it."""
    from scheduling import board, calendar, queries_follow
    from scheduling.loaders import zone_of

    day = now.astimezone(zone_of(clinic.site)).date()
    monday = day - timedelta(days=day.weekday())

    def queue() -> None:
        queries_follow.queue_items(clinic.therapist, clinic.site, now)
        queries_follow.later_therapy(clinic.therapist, clinic.site, now)

    return {
        "queue": queue,
        "board": lambda: board.chair_board(clinic.nurse, clinic.site, day, now),
        "week": lambda: calendar.build_week(clinic.nurse, clinic.site, monday, now),
    }


def report(name: str, clinic: Any, now: datetime, repeats: int) -> dict[str, Taken]:
    """One line for each page."""
    found = {}
    for page, call in pages(clinic, now).items():
        taken = found[page] = measured(call, repeats)
        kept = "yes" if taken.p95 <= PROMISED[page] else "NO"
        median = statistics.median(taken.each)
        print(
            f"| {name} | {page} | {taken.queries} | {median:.1f} | {taken.p95:.1f} | {PROMISED[page]:.0f} | {kept} |",
            flush=True,
        )
    return found


def plan(taken: Taken) -> str:
    """What the server did for the slowest statement of a page."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {taken.slowest[1]}", taken.slowest[2])
        return "\n".join(row[0][:300] for row in cursor.fetchall())


def load() -> str:
    """How busy the machine was in the last minute."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def main() -> None:
    """Prepare, measure, fill, measure again, say the plans."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="200 clinics, 1 M infusions, 5 M follow-ups")
    parser.add_argument("--clinics", type=int, default=20)
    parser.add_argument("--infusions", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=100)
    asked = parser.parse_args()
    if asked.full:
        asked.clinics, asked.infusions = 200, 1_000_000
    with scratch_database(SCRATCH) as address:
        measure(asked, address)


def measure(asked: argparse.Namespace, address: str) -> None:
    """Both tables, the ratio and the plans."""
    from bench.pages.fill import fill

    clinic, now = live_clinic()
    for user in (clinic.therapist, clinic.nurse):
        user.site_ids(), user.role_names
    on_server(address, "VACUUM ANALYZE")
    print("| database | page | queries | median ms | p95 ms | promised | kept |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    before = report(f"one clinic ({load()})", clinic, now, asked.repeats)
    began = time.perf_counter()
    made = fill(clinic, asked.clinics, asked.infusions)
    on_server(address, "VACUUM ANALYZE")
    words = ", ".join(f"{count} {name}" for name, count in made.items())
    print(f"| (filled in {time.perf_counter() - began:.0f} s: {words}) | | | | | | |", flush=True)
    after = report(f"{asked.clinics} clinics ({load()})", clinic, now, asked.repeats)
    print("\nRatio of the medians, big to small:\n")
    for page, taken in after.items():
        ratio = statistics.median(taken.each) / statistics.median(before[page].each)
        print(f"- {page}: {ratio:.2f}")
    for page, taken in after.items():
        print(f"\nSlowest statement of {page} ({taken.slowest[0]:.1f} ms):\n\n```\n{plan(taken)}\n```")


if __name__ == "__main__":
    main()
