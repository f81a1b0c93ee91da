"""Chair, nurse and prescriber of a visit: which parts of the stay each is needed for, and whether they have
room.

The chair is taken from the start to the end of the turnover, people for the phases that the protocol names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from protocols.definition import ProtocolDefinition
from scheduling.conflicts import taken_in_words, told
from scheduling.domain.intervals import Interval, covered, intersect, peak_load
from scheduling.domain.localtime import clock_in_words, in_words
from scheduling.domain.slots import SLOT
from scheduling.loaders import LoadedResource, SiteLoad
from scheduling.models import Resource
from staff.errors import Clash, DomainError, InvalidInput, RuleNotMet
from staff.models import Licence, User

WORDS = {
    Resource.Kind.CHAIR: "chair",
    Resource.Kind.NURSE: "nurse",
    Resource.Kind.CLINICIAN: "prescriber",
    Resource.Kind.THERAPIST: "therapist",
}
KIND_OF_ROLE = {"nurse": Resource.Kind.NURSE, "clinician": Resource.Kind.CLINICIAN}


@dataclass(frozen=True)
class VisitChoice:
    """One infusion visit as somebody wants it: start (aware) and the codes of chair, nurse and prescriber."""

    ordinal: int
    start: datetime
    chair: str
    nurse: str
    prescriber: str


@dataclass(frozen=True)
class TherapyChoice:
    """One therapy session after infusion `ordinal`: the follow-up it is for, start, and the therapist's code."""

    ordinal: int
    kind: str
    start: datetime
    therapist: str


@dataclass(frozen=True)
class Seat:
    """The loaded resources of one visit."""

    chair: LoadedResource
    nurse: LoadedResource
    prescriber: LoadedResource

    @property
    def resources(self) -> tuple[LoadedResource, ...]:
        """All three."""
        return (self.chair, self.nurse, self.prescriber)


@dataclass(frozen=True)
class Part:
    """`load` lanes of one resource over a half-open interval."""

    resource: LoadedResource
    during: Interval
    load: int


def as_code(code: str) -> UUID:
    """A resource's code. Raises InvalidInput for text that is none."""
    try:
        return UUID(str(code))
    except ValueError as error:
        raise InvalidInput(
            "This is not the code of a resource.", code="unknown-resource", field="visits"
        ) from error


def stay(definition: ProtocolDefinition, start: datetime) -> Interval:
    """[start, end) in the chair, without turnover."""
    return Interval(start, start + timedelta(minutes=definition.chair_minutes))


def seat_of(load: SiteLoad, choice: VisitChoice) -> Seat:
    """The named resources. Raises InvalidInput for a code that is not a resource of that kind at this site."""
    wanted = (
        ("chair", choice.chair, Resource.Kind.CHAIR),
        ("nurse", choice.nurse, Resource.Kind.NURSE),
        ("prescriber", choice.prescriber, Resource.Kind.CLINICIAN),
    )
    found = [_named(load, field, code, kind) for field, code, kind in wanted]
    return Seat(*found)


def _named(load: SiteLoad, field: str, code: str, kind: str) -> LoadedResource:
    item = load.by_code(str(code))
    if item is None or item.row.kind != kind:
        raise InvalidInput(
            f"This {WORDS[Resource.Kind(kind)]} does not belong to the site.",
            code="unknown-resource",
            field=field,
        )
    return item


def parts_of(definition: ProtocolDefinition, seat: Seat, start: datetime) -> tuple[Part, ...]:
    """Everything a visit occupies."""
    return tuple(part for item in seat.resources for part in parts_for(definition, item, start))


def parts_for(definition: ProtocolDefinition, item: LoadedResource, start: datetime) -> tuple[Part, ...]:
    """What a visit takes of one resource: a chair until it is turned over, a person for their phases."""
    if item.row.kind == Resource.Kind.CHAIR:
        minutes = definition.chair_minutes + definition.turnover_minutes
        return (Part(item, Interval(start, start + timedelta(minutes=minutes)), 1),)
    return tuple(
        Part(
            item,
            Interval(
                start + timedelta(minutes=phase.from_minute), start + timedelta(minutes=phase.to_minute)
            ),
            phase.load,
        )
        for phase in definition.staffing
        if KIND_OF_ROLE[phase.role] == item.row.kind
    )


def check_parts(parts: Iterable[Part], load: SiteLoad, viewer: User) -> None:
    """Each part on duty, licensed where that is asked, and with room. Raises RuleNotMet or Clash."""
    taken: dict[str, list[Interval]] = {}
    for part in parts:
        check_duty(part, load)
        own = taken.setdefault(part.resource.code, [])
        check_room(part, load, viewer, own)
        own += [part.during] * part.load


def check_duty(part: Part, load: SiteLoad) -> None:
    """On duty for the whole part. Raises RuleNotMet in the site's wall clock."""
    item = part.resource
    if covered(item.free, part.during):
        return
    times = f"{in_words(part.during.start, load.zone)}-{clock_in_words(part.during.end, load.zone)}"
    raise RuleNotMet(f"{item.row.name} is not available {times}.", code="not-available", field=_field(item))


def check_prescriber(item: LoadedResource, at: Interval, load: SiteLoad) -> None:
    """A prescriber's licence for the site's jurisdiction on that day. Raises RuleNotMet."""
    valid = load.licensed(item, Licence.Profession.PRESCRIBER, load.site.jurisdiction)
    if not covered(valid, at):
        words = f"{item.row.name} holds no prescriber's licence for {load.site.jurisdiction} on that day."
        raise RuleNotMet(words, code="not-licensed", field="prescriber")


def check_room(part: Part, load: SiteLoad, viewer: User, own: Iterable[Interval] = ()) -> None:
    """Room for the part beside what exists and `own`. Raises Clash that names what is in the way to `viewer`."""
    refuse_without_room(part, load.zone, viewer, own)


def refuse_without_room(part: Part, zone: ZoneInfo, viewer: User, own: Iterable[Interval] = ()) -> None:
    """The same from the bookings of the part's resource alone."""
    item = part.resource
    if has_room(part, own):
        return
    in_the_way = [
        row for row in item.bookings if Interval(row.during.lower, row.during.upper).overlaps(part.during)
    ]
    conflicts = told(in_the_way, viewer, zone)
    words = (
        taken_in_words(conflicts, item.row.name)
        if item.row.capacity == 1 and conflicts
        else (
            f"{item.row.name} has no room left {in_words(part.during.start, zone)}"
            f"-{clock_in_words(part.during.end, zone)} ({item.row.capacity} at once)"
        )
    )
    raise Clash(
        f"{words}.",
        code=f"{WORDS[Resource.Kind(item.row.kind)]}-taken",
        field=_field(item),
        conflicts=conflicts,
    )


def has_room(part: Part, own: Iterable[Interval] = ()) -> bool:
    """The peak of what exists inside the part, plus the part, stays within the capacity."""
    inside = [piece for busy in (*part.resource.busy, *own) for piece in intersect([busy], [part.during])]
    return peak_load(inside) + part.load <= part.resource.row.capacity


def check_hands(item: LoadedResource, start: datetime, load: SiteLoad) -> None:
    """A nurse starts one infusion at a time: none other in the same quarter hour. Raises Clash."""
    quarter = _quarter(start)
    if any(_quarter(other) == quarter for other in item.starts):
        words = f"{item.row.name} already starts an infusion at {in_words(quarter, load.zone)}."
        raise Clash(words, code="nurse-taken", field="nurse")


def _quarter(at: datetime) -> datetime:
    return at - timedelta(seconds=at.timestamp() % SLOT.total_seconds())


def _field(item: LoadedResource) -> str:
    return WORDS[Resource.Kind(item.row.kind)]


def find_seat(
    load: SiteLoad,
    definition: ProtocolDefinition,
    start: datetime,
    viewer: User,
    *,
    choice: VisitChoice | None = None,
    keep: Mapping[str, str] | None = None,
) -> Seat:
    """A chair, nurse and prescriber that are free at `start`; those in `keep` (by kind: code) first.

    Whoever `choice` names is taken or the visit is refused, never replaced. Raises RuleNotMet or Clash that says which
    of them could not be found, and why the first candidate could not; InvalidInput for a code of something else.
    """
    asked = _named_of(choice)
    chosen: dict[str, LoadedResource] = {}
    for kind in (Resource.Kind.CHAIR, Resource.Kind.NURSE, Resource.Kind.CLINICIAN):
        if kind in asked:
            chosen[kind] = _named(load, WORDS[kind], asked[kind], kind)
            _check_one(load, definition, chosen[kind], start, viewer)
        else:
            chosen[kind] = _first_free(load, definition, start, viewer, kind, (keep or {}).get(kind))
    return Seat(chosen[Resource.Kind.CHAIR], chosen[Resource.Kind.NURSE], chosen[Resource.Kind.CLINICIAN])


def _named_of(choice: VisitChoice | None) -> dict[str, str]:
    """The codes that somebody chose, by kind of resource."""
    if choice is None:
        return {}
    found = {
        Resource.Kind.CHAIR: choice.chair,
        Resource.Kind.NURSE: choice.nurse,
        Resource.Kind.CLINICIAN: choice.prescriber,
    }
    return {str(kind): str(code) for kind, code in found.items() if code}


def check_seat(
    load: SiteLoad, definition: ProtocolDefinition, seat: Seat, start: datetime, viewer: User
) -> None:
    """Everything that must hold for these three resources at `start`. Raises RuleNotMet or Clash."""
    for item in seat.resources:
        _check_one(load, definition, item, start, viewer)


def _check_one(
    load: SiteLoad, definition: ProtocolDefinition, item: LoadedResource, start: datetime, viewer: User
) -> None:
    check_parts(parts_for(definition, item, start), load, viewer)
    if item.row.kind == Resource.Kind.NURSE:
        check_hands(item, start, load)
    if item.row.kind == Resource.Kind.CLINICIAN:
        check_prescriber(item, stay(definition, start), load)


def fits(load: SiteLoad, definition: ProtocolDefinition, item: LoadedResource, start: datetime) -> bool:
    """What `check_seat` asks of one resource, without words."""
    taken: list[Interval] = []
    for part in parts_for(definition, item, start):
        if not covered(item.free, part.during) or not has_room(part, taken):
            return False
        taken += [part.during] * part.load
    if item.row.kind == Resource.Kind.NURSE:
        return all(_quarter(other) != _quarter(start) for other in item.starts)
    if item.row.kind == Resource.Kind.CLINICIAN:
        valid = load.licensed(item, Licence.Profession.PRESCRIBER, load.site.jurisdiction)
        return covered(valid, stay(definition, start))
    return True


def _first_free(
    load: SiteLoad, definition: ProtocolDefinition, start: datetime, viewer: User, kind: str, keep: str | None
) -> LoadedResource:
    refusals: list[DomainError] = []
    for item in sorted(load.of_kind(kind), key=lambda item: item.code != keep):
        try:
            _check_one(load, definition, item, start, viewer)
        except (RuleNotMet, Clash) as refusal:
            refusals.append(refusal)
        else:
            return item
    if len(refusals) == 1:
        raise refusals[0]
    word, clash = WORDS[Resource.Kind(kind)], any(isinstance(refusal, Clash) for refusal in refusals)
    text = f"No {word} {'free' if clash else 'available'} {in_words(start, load.zone)}."
    if not clash:
        raise RuleNotMet(text, code="not-available", field=word)
    conflicts = tuple(item for refusal in refusals for item in refusal.conflicts)
    raise Clash(text, code=f"{word}-taken", field=word, conflicts=conflicts)
