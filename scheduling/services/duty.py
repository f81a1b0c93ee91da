"""The duty roster of a site: who is reachable when, and whether somebody is."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from patients.services.addresses import normalise
from scheduling.domain.intervals import Interval, subtract
from scheduling.models import DutyShift, WorkItem
from scheduling.ranges import as_range
from scheduling.services.workitems import settle
from staff import roles
from staff.clock import app_now
from staff.errors import Clash, InvalidInput, RuleNotMet, StaleVersion
from staff.history import acting
from staff.models import Site, User

LONGEST = timedelta(days=7)
RANKS = (1, 2, 3)


def add_shift(
    *,
    site: Site,
    user: User,
    start: datetime,
    end: datetime,
    by: User,
    rank: int = 1,
    phone: str = "",
    at: datetime | None = None,
) -> DutyShift:
    """Put a person on duty for [start, end), at most seven days, told by e-mail and by text if `phone` is given.

    Raises InvalidInput (`start`, `end`, `rank`, `phone`), RuleNotMet for somebody who is not clinical staff of
    the site, Clash while another person has that rank. The same shift twice is stored once.
    """
    _check(site, user, start, end, rank)
    number = normalise("sms", phone, country=site.country) if phone.strip() else ""
    now = at or app_now()
    if end <= now:
        raise InvalidInput("This time is over. Enter a shift that has not ended.", field="end")
    same: DutyShift | None = (
        DutyShift.objects.live()
        .filter(site=site, user=user, rank=rank, during__startswith=start, during__endswith=end)
        .first()
    )
    if same is not None:
        return same
    try:
        with acting(by):
            shift: DutyShift = DutyShift.objects.create(
                site=site, user=user, during=as_range(start, end), rank=rank, phone=number, created_at=now,
                created_by=by,
            )  # fmt: skip
    except IntegrityError as error:
        raise Clash(
            "Somebody else has this rank at that time. Choose the next rank or another time.",
            code="rank-taken",
            field="rank",
        ) from error
    return shift


def _check(site: Site, user: User, start: datetime, end: datetime, rank: int) -> None:
    if end <= start:
        raise InvalidInput("The end must be after the start.", field="end")
    if end - start > LONGEST:
        raise InvalidInput("A shift lasts at most seven days. Enter the next one separately.", field="end")
    if rank not in RANKS:
        raise InvalidInput("Choose rank 1, 2 or 3.", field="rank")
    if not user.is_active or not user.role_names & roles.CLINICAL or site.pk not in user.site_ids():
        raise RuleNotMet(
            "Only clinicians, nurses and therapists of this site can be on duty.",
            code="not-clinical",
            field="user",
        )


@transaction.atomic
def cancel_shift(
    *, shift: DutyShift, by: User, at: datetime | None = None, expected_version: int | None = None
) -> DutyShift:
    """Take a shift back. Harmless when it is taken back already."""
    with acting(by):
        row = DutyShift.objects.select_for_update().get(pk=shift.pk)
        if row.cancelled_at is not None:
            return row
        if expected_version is not None and row.version != expected_version:
            raise StaleVersion("Somebody changed this shift since you opened the page.")
        row.cancelled_at, row.version = at or app_now(), row.version + 1
        row.save(update_fields=["cancelled_at", "version"])
        settle(
            kind=WorkItem.Kind.MESSAGE_FAILED, key=f"duty:{row.code}", resolution="Taken off the roster.", by=by,
            at=row.cancelled_at,
        )  # fmt: skip
    return row


def on_duty(site: Site, at: datetime, *, rank: int | None = None) -> list[DutyShift]:
    """Who is reachable at that moment, rank 1 first."""
    rows = DutyShift.objects.live().filter(site=site, during__contains=at).select_related("user")
    return list((rows if rank is None else rows.filter(rank=rank)).order_by("rank", "pk"))


def gaps(site: Site, start: datetime, end: datetime) -> tuple[Interval, ...]:
    """The parts of [start, end) in which nobody is on duty."""
    taken = [
        Interval(row.during.lower, row.during.upper)
        for row in DutyShift.objects.overlapping(site, start, end)
    ]
    return subtract([Interval(start, end)], taken)


def covered(site: Site, start: datetime, end: datetime) -> bool:
    """Whether somebody is on duty during all of [start, end)."""
    return not gaps(site, start, end)
