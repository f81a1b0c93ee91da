"""`seed(now, rng_seed)`: two sites, eight chairs, twenty staff, sixty patients at every stage; services only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import partial
from random import Random
from time import monotonic
from zoneinfo import ZoneInfo

from django.db import connection

from patients.models import Patient
from protocols.models import ProtocolVersion
from scheduling.demo.answers import nobody_drives
from scheduling.demo.people import Registered, had_elsewhere, prepare, register, score, sign_eligible
from scheduling.demo.play import book_course, book_proposed, play_arrival, wait_for_slots
from scheduling.demo.player import Player, follow_through
from scheduling.demo.plot import SINGLE, SIX, Course, midday_courses, today_at, upcoming_courses
from scheduling.demo.premises import STORY, House, Premises, build
from scheduling.demo.texts import write_texts
from scheduling.models import Heartbeat, TreatmentSeries
from scheduling.services.clinic_plans import Wish, start_run, work
from scheduling.services.switches import Wanted, preview_switch, switch_series
from staff import roles
from staff.clock import app_now, set_clock
from staff.models import Site

MARK = "sample-clinic"
HISTORY = STORY
PATIENTS, PLANNED_MIDDAY = 60, 6
SIX_THEN_WEEKLY = "six-then-weekly"
COMES_WITH = {5: 3}  # positions whose course of six was begun at another clinic, and how far


@dataclass(frozen=True)
class Seeded:
    """What a run of the seed found or made."""

    fresh: bool
    made_at: datetime
    patients: int


class HalfMadeError(RuntimeError):
    """An earlier run was cut off; only a reset helps."""


def seed(now: datetime | None = None, *, rng_seed: int = 20261122) -> Seeded:
    """Fill an empty demo or test database relative to `now` (default: the database's present).

    Running it again changes nothing. Raises HalfMadeError after a run that was cut off, NotAllowed in a real clinic.
    """
    began, now = monotonic(), now or app_now()
    mark = Heartbeat.objects.filter(name=MARK).first()
    if mark is not None:
        return Seeded(False, mark.beat_at, PATIENTS)
    if Site.objects.exists():
        raise HalfMadeError("The sample clinic is only half made.")
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")  # a demo's rows may be lost with the machine's power
    set_clock(now - HISTORY, frozen=True)
    _fill(now, Random(rng_seed))  # noqa: S311 - a story, not a secret
    Heartbeat.objects.create(name=MARK, beat_at=now)
    set_clock(now + timedelta(seconds=monotonic() - began))
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
    return Seeded(True, now, PATIENTS)


def _fill(now: datetime, random: Random) -> None:
    premises = build(now - HISTORY)
    player = Player(premises, now, random)
    numbers = iter(range(PATIENTS))
    midday = premises.midday
    day = today_at(now, ZoneInfo(midday.site.time_zone))
    courses = [*midday_courses(day), *upcoming_courses(day)]
    for course in courses:
        _enrol(player, midday, register(midday, next(numbers), random), course)
    waiting = [register(midday, next(numbers), random) for _ in range(PLANNED_MIDDAY)]
    for who in waiting:
        _being_planned(player, midday, who)
    for position, number in enumerate(numbers):
        _portland(player, premises, register(premises.portland, number, random), position)
    player.daily_ticks(now - timedelta(days=9), ZoneInfo(midday.site.time_zone))
    player.at(now, lambda: wait_for_slots(midday, now))
    player.at(now, lambda: nobody_drives(midday, now))
    player.at(now, follow_through)
    player.run()
    _plan_together(midday, waiting[:3], premises.versions[SIX])
    _switch_one(midday, premises)
    write_texts(premises.versions[SIX], by=midday.person(roles.PROTOCOL_ADMIN), at=now)


def _enrol(player: Player, house: House, who: Registered, course: Course) -> None:
    first, version = course.starts[0], player.premises.versions[course.protocol]
    prepared = min(first, player.now) - timedelta(days=5)
    player.at(prepared, lambda: prepare(house, who.patient, version, prepared))
    if course.elsewhere:
        player.at(prepared, lambda: had_elsewhere(who.patient, house, course.elsewhere, prepared))
    _scores(player, house, who.patient, course, prepared)
    book_course(player, house, who.patient, course, who.weight_kg)
    if course.told_late:
        told = player.now - timedelta(hours=1)
        player.at(told, lambda: had_elsewhere(who.patient, house, course.told_late, told))
    ahead = course.starts[course.given :]
    if ahead and timedelta(0) < ahead[0] - player.now < timedelta(minutes=20):
        play_arrival(player, house, who.patient, course)


def _scores(player: Player, house: House, patient: Patient, course: Course, prepared: datetime) -> None:
    """A PHQ-9 of everybody; of those who have come again the other three too, QIDS and GAD-7 before each visit."""
    before, after = player.random.randint(15, 22), player.random.randint(4, 12)
    found = [("phq9", before, prepared)]
    if course.given > 1:
        times = [prepared, *(start - timedelta(minutes=50) for start in course.starts[1 : course.given])]
        found += [
            ("phq9", after, times[1]),
            ("madrs", before + 13, prepared),
            ("madrs", after + 9, times[-1]),
        ]
        for number, at in enumerate(times):
            total = before - (before - after) * number // (len(times) - 1)
            found += [("qids_sr16", total, at), ("gad7", max(0, total - 4), at)]
    for instrument, total, at in found:
        player.at(at, partial(score, patient, house, instrument, total, at))


def _being_planned(player: Player, house: House, who: Registered) -> None:
    """Referred and found eligible; some have consented and learnt already, nobody has dates yet."""
    version, prepared = player.premises.versions[SIX], player.now - timedelta(days=2)
    ready = prepare if who.patient.pk % 2 else sign_eligible
    player.at(prepared, lambda: ready(house, who.patient, version, prepared))


def _plan_together(house: House, people: Sequence[Registered], version: ProtocolVersion) -> None:
    """One finished run of the clinic optimiser, whose proposals wait to be accepted."""
    run = start_run(
        site=house.site,
        protocol_version=version,
        first_day=app_now().astimezone(ZoneInfo(house.site.time_zone)).date() + timedelta(days=3),
        wishes=[Wish(who.patient, who.weight_kg) for who in people],
        seconds=1,
        by=house.person(roles.COORDINATOR),
        wake=lambda _: None,
    )
    work(str(run.code))


def _switch_one(house: House, premises: Premises) -> None:
    """One running series goes on with another protocol: the first of a few for which nothing stands against it."""
    by = house.person(roles.CLINICIAN)
    day = app_now().astimezone(ZoneInfo(house.site.time_zone)).date() + timedelta(days=6)
    running = TreatmentSeries.objects.filter(
        site=house.site, status=TreatmentSeries.Status.ACTIVE, protocol_version=premises.versions[SIX]
    )
    for series in running.order_by("-pk")[:4]:
        wanted = Wanted(premises.versions[SIX_THEN_WEEKLY], day, series.weight_kg)
        diff = preview_switch(series=series, wanted=wanted, by=by)
        if diff.refusal is None:
            switch_series(
                series=series, wanted=wanted, seen_sha256=diff.sha256, by=by,
                reason="Goes on weekly after the first six, agreed with the patient.",
            )  # fmt: skip
            return


def _portland(player: Player, premises: Premises, who: Registered, position: int) -> None:
    """The other site, planned by the planner itself: mid-series, single visits behind, booked ahead, being planned."""
    house, now = premises.portland, player.now
    if position >= 18:
        return _being_planned(player, house, who)
    protocol = SINGLE if position % 3 == 0 else SIX
    days_ago = (4, 3)[position] if position < 2 else 0
    zone = ZoneInfo(house.site.time_zone)
    day = (now - timedelta(days=days_ago)).astimezone(zone).date()
    booked_at = (
        datetime.combine(day, time(9, 3 * position), zone)
        if days_ago
        else now - timedelta(minutes=90 - position)
    )
    prepared = booked_at - timedelta(days=1)
    version = premises.versions[protocol]
    player.at(prepared, lambda: prepare(house, who.patient, version, prepared))
    fate = ("done", "open", "booked")[position % 3]
    before = COMES_WITH.get(position, 0)
    if before:
        player.at(prepared, lambda: had_elsewhere(who.patient, house, before, prepared, days=5))
    book_proposed(
        player, house, who.patient, protocol=protocol, booked_at=booked_at, weight_kg=who.weight_kg, fate=fate,
        given_elsewhere=before,
    )  # fmt: skip
    return None
