"""Database time of the pages people live in, over a big data set: queue, board, week. See README.md.

    DATABASE_URL=postgres://owner@host/any python bench/pages/run.py          # 20 clinics, 100 000 infusions
    DATABASE_URL=postgres://owner@host/any python bench/pages/run.py --full   # 200, 1 M infusions, 5 M follow-ups

A scratch database is made beside the one named, filled by INSERT ... SELECT inside the server (constraints and triggers
off while filling), measured through the functions that the pages call, and dropped. The owner must be a superuser.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
SCRATCH = "clearwindow_bench_pages"
PATIENTS = 50  # of each clinic
FOLLOW_UPS = 5  # after each infusion
CHAIRS = 3
PROMISED = {"queue": 15.0, "board": 5.0, "week": 5.0}  # p95 of the database time, in milliseconds


def on_server(url: str, statement: str) -> None:
    """One statement outside a transaction."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


def prepare(url: str) -> None:
    """Make the scratch database with the product's own tables and roles."""
    on_server(url, f"DROP DATABASE IF EXISTS {SCRATCH}")
    on_server(url, f"CREATE DATABASE {SCRATCH}")
    scratch = re.sub(r"(@[^/]*/)[^?]*", rf"\g<1>{SCRATCH}", url)
    os.environ |= {
        "DATABASE_URL": scratch, "DATABASE_OWNER_URL": scratch, "DJANGO_SETTINGS_MODULE": "config.settings",
        "CLEARWINDOW_ENV": "test",
    }  # fmt: skip
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    from staff.services import mark_database, sync_roles

    mark_database("test")
    sync_roles()


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
        world.start_pump(clinic, world.add_visit(clinic, series, start, 1, chair=chair + 1))
    return clinic, now


def columns(cursor: Any, table: str) -> list[str]:
    """Of a table, those that are written."""
    cursor.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_generated = 'NEVER' "
        "ORDER BY ordinal_position",
        [table],
    )
    return [name for (name,) in cursor.fetchall()]


def clone(cursor: Any, table: str, row: int, source: str, **over: str) -> int:
    """Rows like the one with primary key `row`, once for each row of `source`, but for the columns in `over`."""
    names = columns(cursor, table)
    wanted = ", ".join(over.get(name, f"t.{name}") for name in names)
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {wanted} FROM {table} t, {source} WHERE t.id = {row}"
    )
    return int(cursor.rowcount)


def fill(clinics: int, infusions: int) -> dict[str, int]:
    """Other clinics with their patients and years of finished visits, windows and follow-ups."""
    from django.db import connection

    from scheduling.models import FollowUp
    from tests import factories

    template = FollowUp.objects.filter(infusion__windows__superseded_at=None, therapy=True).first()
    assert template is not None
    visit, record = template.visit, template.infusion
    window = record.windows.get(superseded_at__isnull=True)
    sites = [factories.make_site().pk for _ in range(clinics)]
    each = max(1, infusions // (clinics * PATIENTS))
    base = 10_000_000
    places = (
        f"(SELECT s.id AS site, {base} + row_number() OVER () AS key "
        f"FROM staff_site s, generate_series(1, {PATIENTS}) n WHERE s.id = ANY (ARRAY{sites})) x"
    )
    courses = (
        f"(SELECT p.id AS patient, p.site_id AS site, n, {base} + row_number() OVER () AS key "
        f"FROM patients_patient p, generate_series(1, {each}) n WHERE p.id > {base}) x"
    )
    back = "make_interval(days => 30 + 4 * n::int)"

    def earlier(name: str) -> str:
        return f"t.{name} - {back}"

    times = ("arrived_at", "planned_start", "started_at", "stopped_at")
    own = {"id": "x.key", "code": "gen_random_uuid()"}
    of = own | {"patient_id": "x.patient"}
    made = {}
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        made["patients"] = clone(
            cursor, "patients_patient", record.patient_id, places, **own, site_id="x.site",
            mrn="'B' || x.key", therapist_id="NULL", prescriber_id="NULL",
        )  # fmt: skip
        one = f"(SELECT id AS patient, site_id AS site, id AS key FROM patients_patient WHERE id > {base}) x"
        clone(
            cursor,
            "scheduling_treatmentseries",
            visit.series_id,
            one,
            **of,
            site_id="x.site",
            status="'completed'",
        )
        made["infusions"] = clone(
            cursor, "treatment_sessions_infusion", record.pk, courses, **of, site_id="x.site",
            status="'signed-off'", **{name: earlier(name) for name in times},
        )  # fmt: skip
        made["visits"] = clone(
            cursor, "scheduling_appointment", visit.pk, courses, **of, site_id="x.site", series_id="x.patient",
            infusion_id="x.key", status="'completed'",
            during=f"tstzrange(lower(t.during) - {back}, upper(t.during) - {back})",
        )  # fmt: skip
        made["windows"] = clone(
            cursor, "scheduling_plasticitywindow", window.pk, courses, **of, series_id="x.patient",
            infusion_id="x.key", status="'closed'", claimed_by_id="NULL",
            **{name: earlier(name) for name in ("starts_at", "t0", "practice_from", "core_until", "tail_until")},
        )  # fmt: skip
        several = (
            f"(SELECT y.*, m, y.key * 10 + m AS row FROM {courses.removesuffix(' x')} y, "
            f"generate_series(1, {FOLLOW_UPS}) m) x"
        )
        made["follow-ups"] = clone(
            cursor, "scheduling_followup", template.pk, several, **(of | {"id": "x.row"}), site_id="x.site",
            series_id="x.patient", visit_id="x.key", infusion_id="x.key", ordinal="x.m", state="'done'",
            appointment_id="NULL", assignee_id="NULL",
            **{name: earlier(name) for name in ("earliest_at", "target_at", "latest_at", "hard_latest_at")},
        )  # fmt: skip
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("ANALYZE")
    return made


def database_ms(call: Callable[[], object], repeats: int) -> tuple[list[float], int]:
    """Milliseconds spent in the database by each of `repeats` calls, and queries of one."""
    from django.db import connection

    spent, count = 0.0, 0

    def timed(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal spent, count
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            spent, count = spent + 1000 * (time.perf_counter() - began), count + 1

    call()
    taken = []
    with connection.execute_wrapper(timed):
        for _ in range(repeats):
            spent, count = 0.0, 0
            call()
            taken.append(spent)
    return taken, count


def pages(clinic: Any, now: Any) -> dict[str, Callable[[], object]]:
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


def report(name: str, clinic: Any, now: Any, repeats: int) -> None:
    """One line for each page."""
    for page, call in pages(clinic, now).items():
        taken, queries = database_ms(call, repeats)
        p95 = statistics.quantiles(taken, n=20)[-1]
        kept = "yes" if p95 <= PROMISED[page] else "NO"
        median = statistics.median(taken)
        print(
            f"| {name} | {page} | {queries} | {median:.1f} | {p95:.1f} | {PROMISED[page]:.0f} | {kept} |",
            flush=True,
        )


def main() -> None:
    """Prepare, measure, fill, measure again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="200 clinics, 1 M infusions, 5 M follow-ups")
    parser.add_argument("--clinics", type=int, default=20)
    parser.add_argument("--infusions", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=60)
    asked = parser.parse_args()
    if asked.full:
        asked.clinics, asked.infusions = 200, 1_000_000
    url = os.environ["DATABASE_URL"]
    prepare(url)
    try:
        clinic, now = live_clinic()
        for user in (clinic.therapist, clinic.nurse):
            user.site_ids(), user.role_names
        print("| database | page | queries | median ms | p95 ms | promised | kept |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        report("one clinic", clinic, now, asked.repeats)
        began = time.perf_counter()
        made = fill(asked.clinics, asked.infusions)
        words = ", ".join(f"{count} {name}" for name, count in made.items())
        print(f"| (filled in {time.perf_counter() - began:.0f} s: {words}) | | | | | | |", flush=True)
        report(f"{asked.clinics + 1} clinics", clinic, now, asked.repeats)
    finally:
        from django.db import connections

        connections.close_all()
        on_server(url, f"DROP DATABASE IF EXISTS {SCRATCH}")


if __name__ == "__main__":
    main()
