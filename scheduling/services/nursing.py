"""Who looks after whom in the chairs now, up to how many, and until when a prescriber is on the site. Reads only,
but for `accept`, which hands a patient over with what is open.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from scheduling.domain.localtime import local_date
from scheduling.loaders_follow import on_duty
from scheduling.models import Resource
from sessions.models import Handover, Infusion
from sessions.services import accept_handover, nurse_by_handover, observed_until
from staff.models import Site, User

PRESENT = frozenset({*Infusion.BEFORE_START, *Infusion.RUNNING, Infusion.Status.RECOVERING})


@dataclass(frozen=True)
class Cover:
    """A prescriber on the site until `until`; None: nobody now. `short`: cover ends before the patient may leave."""

    name: str
    until: datetime | None
    needed_until: datetime | None

    @property
    def short(self) -> bool:
        """Nobody is there for all of the stay."""
        return self.until is None or (self.needed_until is not None and self.until < self.needed_until)


def nurse_of(infusion: Infusion) -> User | None:
    """Who accepted the last handover, else the nurse booked, else who opened the record."""
    handed = nurse_by_handover(infusion)
    if handed is not None:
        return handed
    booked = (
        Resource.objects.filter(kind=Resource.Kind.NURSE, bookings__appointment__infusion=infusion)
        .select_related("user")
        .order_by("-bookings__during__endswith")
        .first()
    )
    return booked.user if booked is not None and booked.user is not None else infusion.opened_by


def patients_of(nurse: User, site: Site) -> list[Infusion]:
    """Open records of the site that this nurse looks after."""
    rows = Infusion.objects.filter(site=site, status__in=PRESENT).select_related("opened_by")
    return [row for row in rows if nurse_of(row) == nurse]


def would_be_over(nurse: User, infusion: Infusion) -> bool:
    """Whether one more patient is more than the nurse is planned for."""
    lane = Resource.objects.filter(kind=Resource.Kind.NURSE, site=infusion.site, user=nurse).first()
    others = [row for row in patients_of(nurse, infusion.site) if row.pk != infusion.pk]
    return lane is not None and len(others) + 1 > lane.capacity


def prescriber_cover(infusion: Infusion, at: datetime) -> Cover:
    """The prescriber who is there longest from now on, by their working hours."""
    people = list(
        Resource.objects.filter(kind=Resource.Kind.CLINICIAN, site=infusion.site, active=True).select_related(
            "site"
        )
    )
    day = local_date(at, ZoneInfo(infusion.site.time_zone))
    hours = on_duty(people, day, day + timedelta(days=2))
    best: tuple[datetime, str] | None = None
    for person in people:
        for part in hours[person.pk]:
            if part.start <= at < part.end and (best is None or part.end > best[0]):
                best = (part.end, person.name)
    needed = observed_until(infusion)
    return Cover(best[1] if best else "", best[0] if best else None, needed)


def accept(
    *, handover: Handover, by: User, open_items: Iterable[str], at: datetime | None = None
) -> Handover:
    """The receiving nurse accepts; that it makes more patients than planned is kept, not refused."""
    over = would_be_over(by, handover.infusion)
    return accept_handover(handover=handover, by=by, open_items=open_items, over_capacity=over, at=at)
