"""Clinics in bulk: finished infusions with visit, window and follow-ups, and this week's, made inside the server.

Every row is a copy of one that the product's own services made, with other keys and times. Triggers and foreign keys
are off while filling; indexes and unique or exclusion rules are taken away and put back, which checks every row.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PATIENTS = 50  # of each clinic
BASE = 10_000_000  # keys of copies begin here
FOLLOW_UPS = (
    "integration_1",
    "practice",
    "morning_check_in",
    "rest_message",
    "no_driving",
)  # after each infusion
AHEAD = 4  # visits booked for each patient of another clinic, in the weeks to come
WINDOW_TIMES = ("starts_at", "t0", "practice_from", "core_until", "tail_until")
FOLLOW_UP_TIMES = ("earliest_at", "target_at", "latest_at", "hard_latest_at")
BIG = (
    "treatment_sessions_infusion",
    "scheduling_appointment",
    "scheduling_plasticitywindow",
    "scheduling_followup",
)


@contextmanager
def without_indexes(cursor: Any, tables: tuple[str, ...]) -> Iterator[None]:
    """Take away every index and every unique or exclusion rule but the primary keys, and put them back."""
    cursor.execute(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE conrelid::regclass::text = ANY (%s) AND contype IN ('u', 'x')",
        [list(tables)],
    )
    rules = cursor.fetchall()
    cursor.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index i "
        "WHERE indrelid::regclass::text = ANY (%s) AND NOT indisprimary "
        "AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('u', 'x'))",
        [list(tables)],
    )
    indexes = cursor.fetchall()
    for table, name, _ in rules:
        cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    for name, _ in indexes:
        cursor.execute(f"DROP INDEX {name}")
    yield
    cursor.execute("SET maintenance_work_mem = '512MB'")
    for _, definition in indexes:
        cursor.execute(definition)
    for table, name, definition in rules:
        cursor.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')


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
    unknown = set(over) - set(names)
    if unknown:
        raise ValueError(f"{table} has no {', '.join(sorted(unknown))}")
    wanted = ", ".join(over.get(name, f"t.{name}") for name in names)
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {wanted} FROM {table} t, {source} WHERE t.id = {row}"
    )
    return int(cursor.rowcount)


def fill(clinic: Any, clinics: int, infusions: int) -> dict[str, int]:
    """`clinics` in all, the measured one among them, with `infusions` in all; numbers of rows made by name.

    The first infusion of each patient elsewhere is this week's, with an open window and therapy to book. The measured
    clinic gets years of patients of its own and nothing in this week: its pages show the same rows as before.
    """
    from django.db import connection

    from scheduling.models import FollowUp, Resource
    from tests import factories

    therapy = FollowUp.objects.filter(
        infusion__windows__superseded_at=None,
        infusion__windows__status="open",
        therapy=True,
        state="released",
    ).first()
    assert therapy is not None
    visit, record = therapy.visit, therapy.infusion
    assert record is not None
    window = record.windows.get(superseded_at__isnull=True)
    sites = [factories.make_site().pk for _ in range(clinics - 1)]
    chairs = Resource.objects.bulk_create(
        Resource(site_id=site, kind="chair", capacity=1, name=f"Chair {n}")
        for site in sites
        for n in (1, 2, 3)
    )
    each = max(1, infusions // (clinics * PATIENTS))
    home = clinic.site.pk
    at = {"sites": [*sites, home], "home": home, "each": each}
    made: dict[str, int] = {}
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("SET work_mem = '256MB'")
        cursor.execute("SET synchronous_commit = off")
        with without_indexes(cursor, BIG):
            made |= _patients(cursor, record.patient_id, visit.series_id, **at)
            made |= _visits(cursor, visit.pk, record.pk, window.pk)
            made["follow-ups"] = _follow_ups(cursor, visit)
            made["visits ahead"] = _ahead(cursor, visit.pk, [chair.pk for chair in chairs])
        cursor.execute("SET session_replication_role = DEFAULT")
    return made


def _patients(
    cursor: Any, patient: int, series: int, *, sites: list[int], home: int, each: int
) -> dict[str, int]:
    places = (
        f"(SELECT s.id AS site, {BASE} + row_number() OVER () AS key "
        f"FROM staff_site s, generate_series(1, {PATIENTS}) n WHERE s.id = ANY (ARRAY{sites})) x"
    )
    own = {"id": "x.key", "code": "gen_random_uuid()"}
    found = clone(
        cursor, "patients_patient", patient, places, **own, site_id="x.site", mrn="'B' || x.key",
        therapist_id="NULL", prescriber_id="NULL",
    )  # fmt: skip
    one = f"(SELECT id AS patient, site_id AS site, id AS key FROM patients_patient WHERE id > {BASE}) x"
    clone(
        cursor, "scheduling_treatmentseries", series, one, **own, patient_id="x.patient", site_id="x.site",
        status=f"CASE WHEN x.site = {home} THEN 'completed' ELSE 'active' END",
    )  # fmt: skip
    # One row for each infusion: n days of four ago; n = 0 is this week's, which the measured clinic has of its own.
    cursor.execute(
        f"CREATE UNLOGGED TABLE bench_infusion AS SELECT p.id AS patient, p.site_id AS site, n, "
        f"{BASE} + row_number() OVER () AS key, make_interval(days => 4 * n::int) AS back "
        f"FROM patients_patient p, generate_series(0, {each}) n WHERE p.id > {BASE} "
        f"AND n BETWEEN (CASE WHEN p.site_id = {home} THEN 1 ELSE 0 END) "
        f"AND (CASE WHEN p.site_id = {home} THEN {each} ELSE {each} - 1 END)"
    )
    return {"patients": found}


def _earlier(*names: str) -> dict[str, str]:
    return {name: f"t.{name} - x.back" for name in names}


def _visits(cursor: Any, visit: int, record: int, window: int) -> dict[str, int]:
    of = {"id": "x.key", "code": "gen_random_uuid()", "patient_id": "x.patient"}
    made = {}
    made["infusions"] = clone(
        cursor, "treatment_sessions_infusion", record, "bench_infusion x", **of, site_id="x.site",
        ordinal="x.n + 1", status="'signed-off'", **_earlier("arrived_at", "planned_start", "started_at", "stopped_at"),
    )  # fmt: skip
    made["visits"] = clone(
        cursor, "scheduling_appointment", visit, "bench_infusion x", **of, site_id="x.site", series_id="x.patient",
        infusion_id="x.key", ordinal="x.n + 1", status="'completed'",
        during="tstzrange(lower(t.during) - x.back, upper(t.during) - x.back)",
    )  # fmt: skip
    made["windows"] = clone(
        cursor, "scheduling_plasticitywindow", window, "bench_infusion x", **of, series_id="x.patient",
        site_id="x.site", infusion_id="x.key", claimed_by_id="NULL",
        status="CASE WHEN x.n = 0 THEN 'open' ELSE 'closed' END",
        **_earlier(*WINDOW_TIMES),
    )  # fmt: skip
    return made


def _follow_ups(cursor: Any, visit: Any) -> int:
    """Five kinds after each infusion; only this week's therapy is still to do, the earlier one is closed as missed."""
    count = 0
    for number, kind in enumerate(FOLLOW_UPS):
        row = visit.follow_ups.filter(kind=kind, ordinal=1).first()
        if row is None:
            raise ValueError(
                f"the version asks for no {kind}: {[item.kind for item in visit.follow_ups.all()]}"
            )
        count += clone(
            cursor, "scheduling_followup", row.pk, "bench_infusion x", id=f"x.key * 10 + {number}",
            code="gen_random_uuid()", patient_id="x.patient", site_id="x.site", series_id="x.patient",
            visit_id="x.key", infusion_id="x.key", appointment_id="NULL", assignee_id="NULL",
            state=f"CASE WHEN NOT {row.therapy} THEN 'done' WHEN x.n = 0 THEN 'released' ELSE 'missed' END",
            closed_reason=f"CASE WHEN {row.therapy} AND x.n > 0 THEN 'Long ago' ELSE '' END",
            **_earlier(*FOLLOW_UP_TIMES),
        )  # fmt: skip
    return count


def _ahead(cursor: Any, visit: int, chairs: list[int]) -> int:
    """Booked visits elsewhere, each with its chair, three hours after one another."""
    cursor.execute(
        f"CREATE UNLOGGED TABLE bench_ahead AS SELECT patient, site, {2 * BASE} + row_number() OVER () AS key, "
        f"row_number() OVER (PARTITION BY site ORDER BY n, patient) - 1 AS place, n + 1000 AS ordinal "
        f"FROM bench_infusion WHERE n < {AHEAD} AND site <> (SELECT site FROM bench_infusion GROUP BY site "
        f"ORDER BY min(n) DESC LIMIT 1)"
    )
    span = "tstzrange(upper(t.during) + make_interval(hours => (3 * (x.place / 3 + 1))::int), "
    span += "upper(t.during) + make_interval(hours => (3 * (x.place / 3 + 2))::int))"
    count = clone(
        cursor, "scheduling_appointment", visit, "bench_ahead x", id="x.key", code="gen_random_uuid()",
        patient_id="x.patient", site_id="x.site", series_id="x.patient", infusion_id="NULL", ordinal="x.ordinal",
        status="'booked'", during=span,
    )  # fmt: skip
    cursor.execute(
        "INSERT INTO scheduling_resourcebooking (resource_id, lane, appointment_id, during) "
        "SELECT r.id, 1, a.id, a.during FROM bench_ahead x JOIN scheduling_appointment a ON a.id = x.key "
        "JOIN LATERAL (SELECT id FROM scheduling_resource WHERE site_id = x.site AND id = ANY (%s) "
        "ORDER BY id OFFSET x.place %% 3 LIMIT 1) r ON true",
        [chairs],
    )
    return count
