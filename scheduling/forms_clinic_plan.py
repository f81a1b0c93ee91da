"""The form that starts a clinic plan: protocol, first day, time, and the chosen patients with weight and urgency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.http import QueryDict

from patients.models import Patient
from protocols.models import ProtocolVersion
from scheduling.services.clinic_plans import Wish
from staff.errors import InvalidInput
from staff.forms import ClinicalDateField, ClinicalForm, Radios
from staff.strict import parse_decimal

SECONDS = (("10", "Quick, 10 s"), ("30", "Usual, 30 s"), ("60", "Thorough, 1 min"))
LEAST_KG, MOST_KG = Decimal(30), Decimal(250)


class ClinicPlanForm(ClinicalForm):
    """What the waiting patients are planned from."""

    protocol = forms.ChoiceField(label="Protocol")
    first_day = ClinicalDateField("First visits not before")
    seconds = forms.ChoiceField(label="How long to search", choices=SECONDS, widget=Radios(inline=True))

    def __init__(self, *args: Any, versions: Iterable[ProtocolVersion], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.versions = {str(item.code): item for item in versions}
        self.fields["protocol"].choices = [(code, _label(item)) for code, item in self.versions.items()]  # type: ignore[attr-defined]  # a ChoiceField

    @property
    def version(self) -> ProtocolVersion:
        """The chosen version of a valid form."""
        return self.versions[self.cleaned_data["protocol"]]


def _label(version: ProtocolVersion) -> str:
    return f"{version.template.name}, {version.read().visits} infusions (v{version.number})"


def typed(data: QueryDict, name: str) -> dict[str, str]:
    """Fields `name-<patient code>` by code, cut to a sane length."""
    head = f"{name}-"
    return {key.removeprefix(head): str(data[key])[:12] for key in data if key.startswith(head)}


def read_wishes(data: QueryDict, waiting: Sequence[Patient]) -> list[Wish]:
    """The chosen patients with weight and urgency. Raises InvalidInput naming the patient."""
    known = {str(item.code): item for item in waiting}
    weights, priorities = typed(data, "weight"), typed(data, "priority")
    wishes = []
    for code in data.getlist("patient"):
        if code not in known:
            raise InvalidInput(
                "A chosen patient is not waiting any more. Choose again.",
                code="not-waiting",
                field="patients",
            )
        wishes.append(_wish(known[code], weights, priorities, code))
    return wishes


def _wish(patient: Patient, weights: Mapping[str, str], priorities: Mapping[str, str], code: str) -> Wish:
    try:
        weight = parse_decimal(weights.get(code, "").strip(), field="weight", max_places=1)
    except InvalidInput as error:
        words = f"{patient.full_name}: give the weight in kg, such as 70.5."
        raise InvalidInput(words, code="weight", field="patients") from error
    if not LEAST_KG <= weight <= MOST_KG:
        words = f"{patient.full_name}: {weight:f} kg is unusual. Plan this patient alone, where it can be confirmed."
        raise InvalidInput(words, code="weight", field="patients")
    priority = priorities.get(code, "2")
    if priority not in ("1", "2", "3"):
        raise InvalidInput(f"{patient.full_name}: choose an urgency.", code="priority", field="patients")
    return Wish(patient, weight, int(priority))
