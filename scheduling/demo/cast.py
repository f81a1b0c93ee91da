"""Invented people and places of the sample clinic. Any likeness is chance; addresses end in .example."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from staff import roles

PASSWORD = "clearwindow-demo"  # noqa: S105 - printed by the demo on purpose
PORTLAND = "America/Los_Angeles"

# Cities of which one is near the middle of its day at any moment: (zone, city, country, subdivision).
MIDDAY_CITIES = (
    ("Pacific/Auckland", "Auckland", "NZ", "AUK"),
    ("Australia/Sydney", "Sydney", "AU", "NSW"),
    ("Asia/Tokyo", "Tokyo", "JP", ""),
    ("Asia/Singapore", "Singapore", "SG", ""),
    ("Asia/Bangkok", "Bangkok", "TH", ""),
    ("Asia/Dhaka", "Dhaka", "BD", ""),
    ("Asia/Karachi", "Karachi", "PK", ""),
    ("Asia/Dubai", "Dubai", "AE", ""),
    ("Africa/Nairobi", "Nairobi", "KE", ""),
    ("Europe/Athens", "Athens", "GR", ""),
    ("Europe/Berlin", "Berlin", "DE", "BE"),
    ("Europe/London", "London", "GB", "ENG"),
    ("Atlantic/Azores", "Ponta Delgada", "PT", ""),
    ("America/Noronha", "Noronha", "BR", "PE"),
    ("America/Sao_Paulo", "Sao Paulo", "BR", "SP"),
    ("America/Halifax", "Halifax", "CA", "NS"),
    ("America/New_York", "Boston", "US", "MA"),
    ("America/Chicago", "Chicago", "US", "IL"),
    ("America/Denver", "Denver", "US", "CO"),
    ("America/Los_Angeles", "Seattle", "US", "WA"),
    ("America/Anchorage", "Anchorage", "US", "AK"),
    ("Pacific/Honolulu", "Honolulu", "US", "HI"),
    ("Pacific/Pago_Pago", "Pago Pago", "AS", ""),
)


@dataclass(frozen=True)
class Role:
    """One member of the sample staff; `capacity` counts patients at once where it matters."""

    email: str
    name: str
    title: str
    held: tuple[str, ...]
    capacity: int = 1


def _person(key: str, name: str, title: str, *held: str, capacity: int = 1) -> Role:
    return Role(f"{key}@demo.example", name, title, held, capacity)


# Work at both sites, so that every sign-in of the demo sees both.
SHARED_STAFF = (
    _person("clinician", "Dr Dana Reed", "Psychiatrist", roles.CLINICIAN, capacity=4),
    _person("nurse", "Robin Vale", "Infusion nurse", roles.NURSE, capacity=2),
    _person("therapist", "Jo Lindqvist", "Psychologist", roles.THERAPIST),
    _person("coordinator", "Lee Moran", "Coordinator", roles.COORDINATOR),
    _person("admin", "Pat Stone", "Clinical governance", roles.PROTOCOL_ADMIN),
    _person("manager", "Noa Winter", "Practice manager", roles.MANAGER),
)
MIDDAY_STAFF = (
    _person("m.ortiz", "Dr Sam Ortiz", "Anaesthetist", roles.CLINICIAN, roles.PROTOCOL_ADMIN, capacity=4),
    _person("a.haddad", "Amina Haddad", "Infusion nurse", roles.NURSE, capacity=2),
    _person("c.bello", "Chidi Bello", "Infusion nurse", roles.NURSE, capacity=2),
    _person("k.park", "Kim Park", "Clinical social worker", roles.THERAPIST),
    _person("y.sato", "Yuki Sato", "Psychotherapist", roles.THERAPIST),
    _person("n.roy", "Nina Roy", "Coordinator and nurse", roles.COORDINATOR, roles.NURSE, capacity=2),
)
PORTLAND_STAFF = (
    _person("h.berg", "Dr Hanna Berg", "Psychiatrist", roles.CLINICIAN, capacity=4),
    _person("t.diaz", "Dr Tomas Diaz", "Psychiatrist", roles.CLINICIAN, capacity=4),
    _person("e.fox", "Ellis Fox", "Infusion nurse", roles.NURSE, capacity=2),
    _person("p.chen", "Ping Chen", "Infusion nurse", roles.NURSE, capacity=2),
    _person("o.adeyemi", "Ola Adeyemi", "Infusion nurse", roles.NURSE, capacity=2),
    _person("m.kaur", "Meera Kaur", "Psychologist", roles.THERAPIST),
    _person("l.nowak", "Lena Nowak", "Clinical social worker", roles.THERAPIST),
    _person("s.blanc", "Simon Blanc", "Psychotherapist", roles.THERAPIST),
    _person("d.costa", "Duarte Costa", "Coordinator", roles.COORDINATOR),
)

# Besides the twenty who work here: invited yesterday, and gone before the story begins.
INVITED = _person("i.keane", "Isla Keane", "Coordinator", roles.COORDINATOR)
LEFT = _person("v.moss", "Vera Moss", "Psychotherapist", roles.THERAPIST)

# fmt: off
GIVEN = (
    "Ada", "Ben", "Carla", "Dev", "Elif", "Finn", "Greta", "Hugo", "Ines", "Jonas", "Kaia", "Liam",
    "Mara", "Nils", "Olga", "Pablo", "Quinn", "Rosa", "Stefan", "Tara", "Umar", "Vera", "Wendell",
    "Xenia", "Yusuf", "Zora", "Arlo", "Bea", "Cyrus", "Dina", "Emil", "Freya", "Gustav", "Hana", "Idris",
    "June", "Karim", "Leonie", "Mateo", "Noor", "Otis", "Priya", "Rafael", "Selma", "Theo", "Una",
    "Viktor", "Willa", "Yara", "Zane", "Alma", "Bruno", "Celia", "Dario", "Esme", "Farid", "Gloria",
    "Henrik", "Iris", "Jamal",
)
# fmt: on
# fmt: off
FAMILY = (
    "Abbott", "Bianchi", "Castell", "Drummond", "Eriksen", "Farrow", "Galvan", "Holloway", "Ibsen",
    "Jarvis", "Kowalski", "Larkin", "Mendes", "Nakata", "Okafor", "Petrov", "Quiroga", "Rinaldi",
    "Sorensen", "Tanaka", "Underwood", "Valdez", "Whitlock", "Ximenez", "Yilmaz", "Zeller", "Ashworth",
    "Bergstrom", "Calder", "Delgado", "Ellery", "Fontaine", "Granger", "Hartmann", "Ivanov", "Jansson",
    "Keller", "Lombard", "Marchetti", "Novak", "Oyelaran", "Pascal", "Quigley", "Rosenthal", "Steiner",
    "Thackeray", "Ulrich", "Varga", "Winslow", "Yamamoto", "Zielinski", "Arden", "Boateng", "Corrigan",
    "Dufour", "Engel", "Fairchild", "Goldman", "Hayashi", "Iqbal",
)
# fmt: on


def midday_city(now: datetime) -> tuple[str, str, str, str]:
    """The city whose clock is nearest to 13:00 at `now`."""

    def distance(city: tuple[str, str, str, str]) -> float:
        local = now.astimezone(ZoneInfo(city[0]))
        return abs(local.hour + local.minute / 60 - 13)

    return min(MIDDAY_CITIES, key=distance)
