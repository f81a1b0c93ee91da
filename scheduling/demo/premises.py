"""Sites, staff, chairs and hours of the sample clinic, through the services."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from django.contrib.auth.models import update_last_login

from protocols.models import ProtocolVersion
from protocols.services import acknowledge_rationale, install_shipped
from scheduling.demo import cast
from scheduling.demo.texts import publish_own
from scheduling.models import Resource
from scheduling.services.duty import add_shift
from scheduling.services.resources import add_resource
from sessions import services as facts
from staff import roles
from staff.models import Licence, Site, User
from staff.services import add_licence, add_staff_member, open_site, sync_roles
from staff.services.invitations import note_invited
from staff.services.licences import record_licence
from staff.services.people import deactivate, invite

LONG_AGO = date(2020, 1, 1)
DUTY_WEEKS = 6
STORY, LICENCE_ENDS = timedelta(days=21), timedelta(days=41)
KINDS = {
    roles.CLINICIAN: Resource.Kind.CLINICIAN,
    roles.NURSE: Resource.Kind.NURSE,
    roles.THERAPIST: Resource.Kind.THERAPIST,
}


@dataclass
class House:
    """One site with its people and resources, by role, in a fixed order."""

    site: Site
    people: dict[str, list[User]] = field(default_factory=dict)
    resources: dict[str, list[Resource]] = field(default_factory=dict)

    def person(self, role: str, number: int = 0) -> User:
        """The `number`-th person with that role, counting round."""
        return self.people[role][number % len(self.people[role])]

    def resource(self, kind: str, number: int = 0) -> Resource:
        """The `number`-th resource of that kind, counting round."""
        return self.resources[kind][number % len(self.resources[kind])]


@dataclass
class Premises:
    """Both sites and the protocol versions of the sample clinic."""

    midday: House
    portland: House
    versions: dict[str, ProtocolVersion]


def build(now: datetime) -> Premises:
    """Everything that stands before the first patient comes."""
    sync_roles()
    zone, city, country, subdivision = cast.midday_city(now)
    midday = House(
        open_site(
            name=f"Clearwater Clinic, {city}",
            short_name=city,
            time_zone=zone,
            country=country,
            subdivision=subdivision,
            phone="+1 555 0100",
            open_on_holidays=True,
        )
    )
    portland = House(
        open_site(
            name="Harbor Clinic, Portland",
            short_name="Portland",
            time_zone=cast.PORTLAND,
            country="US",
            subdivision="OR",
            phone="+1 503 555 0140",
        )
    )
    for role in cast.SHARED_STAFF:
        _hire(role, [midday, portland])
    for role in cast.MIDDAY_STAFF:
        _hire(role, [midday])
    for role in cast.PORTLAND_STAFF:
        _hire(role, [portland])
    _come_and_go(midday, portland, now)
    # The shared staff visit Portland, but are bookable at one site only: nobody is in two cities at once.
    working = (*cast.SHARED_STAFF, *cast.MIDDAY_STAFF)
    _furnish(midday, working, chairs=3, weekdays=range(7), opens=time(7), closes=time(20, 30))
    _furnish(portland, cast.PORTLAND_STAFF, chairs=5, weekdays=range(5), opens=time(8), closes=time(18, 30))
    for house in (midday, portland):
        _put_on_duty(house, now)
    admin = midday.person(roles.PROTOCOL_ADMIN)
    versions = {version.template.slug: version for version in install_shipped(by=admin, at=now)}
    approver = midday.person(roles.PROTOCOL_ADMIN, 1)
    versions |= {
        version.template.slug: version for version in publish_own(by=admin, approver=approver, at=now)
    }
    _brief_staff((midday, portland), versions, now)
    for house in (midday, portland):
        _ask_more(house, now)
    return Premises(midday, portland, versions)


def _brief_staff(houses: tuple[House, ...], versions: dict[str, ProtocolVersion], now: datetime) -> None:
    """Everybody has read why each protocol in use is as it is; the last nurse hired has not come to it yet."""
    people = {person.pk: person for house in houses for held in house.people.values() for person in held}
    unread = houses[0].people[roles.NURSE][-1]
    for version in versions.values():
        for person in people.values():
            if version.status == ProtocolVersion.Status.ACTIVE and person.pk != unread.pk:
                acknowledge_rationale(version=version, by=person, at=now)


def _ask_more(house: House, now: datetime) -> None:
    """What this clinic asks for besides the rules of the house."""
    for label, due, owner in (
        ("Prior authorisation of the insurer", "before_48h", roles.COORDINATOR),
        ("ECG of the last year seen", "check_in", roles.CLINICIAN),
    ):
        facts.add_site_gate(
            site=house.site, label=label, due=due, owner_role=owner, hard=False,
            by=house.person(roles.COORDINATOR), at=now,
        )  # fmt: skip


def _hire(role: cast.Role, houses: list[House]) -> User:
    user = add_staff_member(
        email=role.email,
        full_name=role.name,
        title=role.title,
        role_names=role.held,
        sites=[house.site for house in houses],
        password=cast.PASSWORD,
    )
    update_last_login(User, user)
    professions = {
        roles.CLINICIAN: Licence.Profession.PRESCRIBER,
        roles.THERAPIST: Licence.Profession.THERAPIST,
    }
    for held, profession in professions.items():
        if held in role.held:
            for jurisdiction in sorted({house.site.jurisdiction for house in houses}):
                add_licence(
                    user=user,
                    profession=profession,
                    jurisdiction=jurisdiction,
                    number=f"{jurisdiction}-{user.pk:05d}",
                    valid_from=LONG_AGO,
                )
    for house in houses:
        for held in role.held:
            house.people.setdefault(held, []).append(user)
    return user


def _come_and_go(midday: House, portland: House, now: datetime) -> None:
    """Somebody who has not chosen a password yet, somebody who has left, and a licence that ends soon."""
    manager = midday.person(roles.MANAGER)
    new = invite(
        email=cast.INVITED.email, full_name=cast.INVITED.name, title=cast.INVITED.title,
        role_names=cast.INVITED.held, sites=[midday.site, portland.site], by=manager, at=now,
    )  # fmt: skip
    note_invited(new, at=now + STORY - timedelta(days=1))
    left = _hire(cast.LEFT, [portland])
    portland.people[roles.THERAPIST].remove(left)
    deactivate(person=left, by=manager, reason="Moved to another city.", at=now)
    record_licence(
        user=midday.person(roles.NURSE), profession=Licence.Profession.NURSE,
        jurisdiction=midday.site.jurisdiction, number="N-20417", valid_from=LONG_AGO,
        last_day=(now + STORY).date() + LICENCE_ENDS, by=manager, at=now,
    )  # fmt: skip


def _put_on_duty(house: House, now: datetime) -> None:
    """Week by week, from now until three weeks after the story: a nurse is told first, a clinician second."""
    coordinator = house.person(roles.COORDINATOR)
    for week in range(DUTY_WEEKS):
        start = now + week * timedelta(days=7)
        text = f"+1 503 555 {160 + week:04d}"  # the nurse's, besides the e-mail
        for rank, role, phone in ((1, roles.NURSE, text), (2, roles.CLINICIAN, "")):
            add_shift(
                site=house.site, user=house.person(role, week), start=start, end=start + timedelta(days=7),
                by=coordinator, rank=rank, phone=phone, at=now,
            )  # fmt: skip


def _furnish(
    house: House, staff: tuple[cast.Role, ...], *, chairs: int, weekdays: range, opens: time, closes: time
) -> None:
    hours = [(weekday, opens, closes) for weekday in weekdays]
    for number in range(1, chairs + 1):
        chair = add_resource(site=house.site, kind=Resource.Kind.CHAIR, name=f"Chair {number}", hours=hours)
        house.resources.setdefault(Resource.Kind.CHAIR, []).append(chair)
    capacities = {role.email: role.capacity for role in staff}
    for role, kind in KINDS.items():
        working = [person for person in house.people[role] if person.email in capacities]
        house.people[role] = working
        for person in working:
            capacity = 1 if kind == Resource.Kind.THERAPIST else capacities[person.email]
            resource = add_resource(
                site=house.site, kind=kind, name=person.full_name, user=person, capacity=capacity, hours=hours
            )
            house.resources.setdefault(kind, []).append(resource)
