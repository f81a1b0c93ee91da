"""How much of the drug a person has had, against the limits of the protocol text. Pure module.

Earlier treatment elsewhere counts, by whatever route (clinic-day 38). A limit refuses nothing that has happened: it
asks a prescriber for a reason before the next infusion is booked, moved, checked in or started.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from protocols.definition import ProtocolDefinition
from scheduling.domain.intervals import as_utc

YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Treatment:
    """One infusion here: its start (aware) and the mg given or planned; None = not known."""

    at: datetime
    mg: Decimal | None = None


@dataclass(frozen=True)
class Elsewhere:
    """Treatments given elsewhere: how many, the last local day on which (None = not known), mg in all."""

    count: int
    last_on: date | None = None
    mg: Decimal | None = None


def limited(definition: ProtocolDefinition) -> bool:
    """The text names a limit at all."""
    return any(
        value is not None
        for value in (
            definition.most_treatments_in_life,
            definition.most_treatments_in_year,
            definition.most_mg_in_life,
        )
    )


def beyond(
    definition: ProtocolDefinition,
    one: Treatment,
    others: Sequence[Treatment],
    elsewhere: Sequence[Elsewhere] = (),
) -> str | None:
    """Which limit the infusion `one` would pass, as a sentence; None when none. Exactly at the limit is inside it.

    others: infusions here, given or booked, in any order; those that start later than `one` do not count. The year is
    the 365 elapsed days up to the start of `one`; what was given elsewhere counts in it when its last day lies in it.
    """
    start = as_utc(one.at)
    before = [item for item in others if as_utc(item.at) < start]
    in_life = len(before) + sum(item.count for item in elsewhere) + 1
    most = definition.most_treatments_in_life
    if most is not None and in_life > most:
        return f"It would be treatment {in_life} in this patient's life, those elsewhere included; {_allows(most)}."
    in_year = 1 + sum(as_utc(item.at) > start - YEAR for item in before)
    first_day = (start - YEAR).date()
    in_year += sum(item.count for item in elsewhere if item.last_on is not None and item.last_on > first_day)
    most = definition.most_treatments_in_year
    if most is not None and in_year > most:
        return f"It would be treatment {in_year} within twelve months, those elsewhere included; {_allows(most)}."
    amounts = [*(item.mg for item in before), *(item.mg for item in elsewhere), one.mg]
    known = [item for item in amounts if item is not None]
    mg = sum(known, Decimal(0))
    if definition.most_mg_in_life is not None and mg > definition.most_mg_in_life:
        return (
            f"It would make {mg.normalize():f} mg in this patient's life, as far as known; "
            f"{_allows(f'{definition.most_mg_in_life.normalize():f} mg')}."
        )
    return None


def _allows(what: object) -> str:
    return f"the protocol allows {what}"
