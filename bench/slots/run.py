"""Time to propose a series in an empty database and with 200 clinics and years of bookings; with the query plan.

    DATABASE_URL=postgres://owner@host/any python bench/slots/run.py --clinics 200 --years 10

A scratch database is made beside the one named, filled through bulk SQL (triggers off while filling), measured through
the service that the plan page calls, and dropped. The owner must be allowed to make databases.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from bench.scratch import scratch_database

AHEAD = 60  # days ahead that the other clinics have booked as well
SCRATCH = "clearwindow_bench_slots"


def fill(clinics: int, years: float, per_day: int, until: date) -> int:
    """History for every chair there is and for those of so many more clinics: `per_day` bookings before `until`,
    and for the others `AHEAD` days more.

    Only the taken lanes are made, each clinic's hanging on one cancelled visit: they are what a proposal reads. The
    exclusion constraint is taken off while filling and put back, which checks every row.
    """
    from django.db import connection

    from scheduling.models import Appointment, Resource
    from tests import factories

    template = Appointment.objects.order_by("pk").first()
    assert template is not None
    for _ in range(clinics):
        site = factories.make_site()
        Resource.objects.bulk_create(
            Resource(site=site, kind="chair", capacity=1, name=f"Chair {n}") for n in range(3)
        )
    table, rule = "scheduling_resourcebooking", "one_booking_per_lane"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", [rule])
        definition = cursor.fetchone()[0]
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {rule}")
        cursor.execute(
            f"""
            INSERT INTO {table} (resource_id, lane, appointment_id, during)
            SELECT r.id, 1, %s, tstzrange(d + make_interval(hours => 6 * n), d + make_interval(hours => 6 * n + 3))
            FROM scheduling_resource r,
                 generate_series(%s::timestamptz, %s::timestamptz, interval '1 day') d, generate_series(0, %s) n
            WHERE r.kind = 'chair' AND (r.site_id <> %s OR d < %s)
            """,
            [
                template.pk,
                until - timedelta(days=int(365 * years)),
                until + timedelta(days=AHEAD),
                per_day - 1,
                template.site_id,
                until - timedelta(days=2),
            ],
        )
        made = int(cursor.rowcount)
        cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {rule} {definition}")
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        cursor.execute(f"ANALYZE {table}")
    return made


def measure(asked: argparse.Namespace) -> None:
    """One clinic with a series booked, before and after the history is there."""
    from staff.clock import app_now, set_clock
    from tests import factories
    from tests.conftest import TUESDAY_NINE
    from tests.scheduling.booking.helpers import book

    set_clock(TUESDAY_NINE, frozen=True)
    clinic = factories.make_clinic()
    book(clinic, patient=factories.make_patient(clinic.site, family_name="First"))
    first = report("one clinic, one series booked", clinic, asked.repeats)
    began = time.perf_counter()
    made = fill(asked.clinics, asked.years, asked.per_day, app_now().date())
    spent = time.perf_counter() - began
    print(f"| (filled {made} bookings of {asked.clinics} more clinics in {spent:.0f} s) | | |")
    then = report(f"{asked.clinics + 1} clinics, {asked.years:g} years", clinic, asked.repeats)
    print(f"\nRatio of the medians: {then / first:.2f}\n")
    print("Plan of the one query that reads bookings:\n\n```")
    print(plan_of_bookings(clinic))
    print("```")


def report(name: str, clinic: Any, repeats: int) -> float:
    """One line: median milliseconds of a whole proposal, and its queries."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from scheduling.services.proposals import propose_series

    def propose() -> Any:
        return propose_series(
            patient=clinic.patient,
            protocol_version=clinic.version,
            weight_kg=Decimal("70.0"),
            first_day=date(2026, 3, 5),
            by=clinic.coordinator,
        )

    with CaptureQueriesContext(connection) as seen:
        assert propose().plan.complete
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        propose()
        taken.append(1000 * (time.perf_counter() - began))
    median = statistics.median(taken)
    if name.startswith("one"):
        print("| database | median ms (least) | queries |\n| --- | --- | --- |")
    print(f"| {name} | {median:.1f} ({min(taken):.1f}) | {len(seen)} |", flush=True)
    return median


def plan_of_bookings(clinic: Any) -> str:
    """EXPLAIN ANALYZE of the loader's own query for five weeks of this clinic."""
    from datetime import UTC, datetime

    from scheduling.loaders import _bookings
    from scheduling.models import Resource

    rows = list(Resource.objects.filter(site=clinic.site, active=True))
    span = (datetime(2026, 3, 5, tzinfo=UTC), datetime(2026, 4, 20, tzinfo=UTC))
    plan: str = _bookings(rows, span, ()).explain(analyze=True, buffers=True)
    return plan


def main() -> None:
    """Prepare, measure, fill, measure again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clinics", type=int, default=200)
    parser.add_argument("--years", type=float, default=10)
    parser.add_argument("--per-day", type=int, default=2, help="bookings of each chair, 1 to 4")
    parser.add_argument("--repeats", type=int, default=15)
    asked = parser.parse_args()
    with scratch_database(SCRATCH):
        measure(asked)


if __name__ == "__main__":
    main()
