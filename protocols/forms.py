"""Forms of protocol texts: a draft as its main numbers and the rest as JSON, documents, and the acts of
review.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from protocols import definition_rules as rules
from protocols.definition import ProtocolDefinition
from protocols.definition_codec import dump, load
from protocols.models import ProtocolDocument
from protocols.services.writing import LONGEST_BODY
from protocols.wording import ROUTES
from staff.errors import DomainError, InvalidInput
from staff.forms import ClinicalForm, ClinicalTextField, Radios, UnitDecimalField, UnitIntegerField
from staff.strict import load_json

# form field -> where it stands in the definition
PLACES: dict[str, tuple[str, ...]] = {
    "title": ("title",),
    "indication": ("indication",),
    "mg_per_kg": ("dose", "mg_per_kg"),
    "ceiling_mg": ("dose", "ceiling_mg"),
    "rounding_mg": ("dose", "rounding_mg"),
    "route": ("dose", "route"),
    "infusion_minutes": ("dose", "infusion_minutes"),
    "threshold_ng_ml": ("clearance", "threshold_ng_ml"),
    "observe_from_start_minutes": ("discharge", "observe_from_start_minutes"),
    "observe_from_stop_minutes": ("discharge", "observe_from_stop_minutes"),
    "chair_minutes": ("chair_minutes",),
    "turnover_minutes": ("turnover_minutes",),
    "therapy_minutes": ("therapy_minutes",),
    "minimum_age_years": ("minimum_age_years",),
    "source": ("source",),
    "evidence": ("evidence",),
}


class NewTemplateForm(ClinicalForm):
    """A named protocol; its first draft starts from a shipped text."""

    name = ClinicalTextField("Name", max_length=120)
    slug = ClinicalTextField("Address", max_length=50, hint="Small letters and hyphens; it never changes.")
    summary = ClinicalTextField("In one sentence", max_length=300, required=False)
    start = forms.ChoiceField(label="Start from", widget=Radios())

    def __init__(self, *args: Any, starts: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["start"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = starts
        self.initial.setdefault("start", starts[0][0] if starts else "")


class DraftForm(ClinicalForm):
    """A draft's main numbers as fields, everything else as JSON. `cleaned_data["definition"]` is the whole
    text.
    """

    versioned = True
    title = ClinicalTextField("Title", max_length=160)
    indication = ClinicalTextField("Indication", max_length=300)
    mg_per_kg = UnitDecimalField(
        "Dose",
        unit="mg/kg",
        decimal_places=3,
        min_value=rules.MIN_DOSE_MG_PER_KG,
        max_value=rules.MAX_DOSE_MG_PER_KG,
        plausible=("0.3", "0.75"),
    )
    infusion_minutes = UnitIntegerField(
        "Duration",
        unit="min",
        min_value=rules.MIN_INFUSION_MINUTES,
        max_value=rules.MAX_INFUSION_MINUTES,
        plausible=("40", "60"),
    )
    ceiling_mg = UnitDecimalField(
        "Ceiling", unit="mg", decimal_places=1, min_value="0.1", max_value=rules.MAX_CEILING_MG
    )
    rounding_mg = UnitDecimalField("Rounding", unit="mg", decimal_places=2, min_value="0.01", max_value="5")
    route = forms.ChoiceField(label="Route", choices=list(ROUTES.items()))
    threshold_ng_ml = forms.ChoiceField(
        label="Drug cleared (estimate) below, in ng/mL",
        choices=[(value, f"{value} ng/mL") for value in ("10", "20", "50")],
        widget=Radios(inline=True),
    )
    observe_from_start_minutes = UnitIntegerField(
        "Observation from the start", unit="min", min_value=rules.MIN_OBSERVATION_FROM_START, max_value=720
    )
    observe_from_stop_minutes = UnitIntegerField(
        "Observation after the pump stops",
        unit="min",
        min_value=rules.MIN_OBSERVATION_FROM_STOP,
        max_value=720,
    )
    chair_minutes = UnitIntegerField("Time in the chair", unit="min", min_value=120, max_value=720)
    turnover_minutes = UnitIntegerField("Turning the chair over", unit="min", min_value=0, max_value=120)
    therapy_minutes = UnitIntegerField("Therapy appointment", unit="min", min_value=20, max_value=180)
    minimum_age_years = UnitIntegerField("Minimum age", unit="years", min_value=18, max_value=120)
    source = ClinicalTextField("Source", max_length=300, required=False)
    evidence = ClinicalTextField("Evidence in words", rows=3, max_length=1000, required=False)
    change_note = ClinicalTextField("What changed, and why", rows=3, max_length=500, required=False)
    rest = ClinicalTextField(
        "Everything else",
        rows=18,
        max_length=60_000,
        hint="Phases, staffing, window, follow-ups, discharge criteria, limits and checks, as JSON.",
    )

    def clean_rest(self) -> dict[str, Any]:
        """The rest as an object, read strictly: a repeated key or a number that is none is refused."""
        try:
            found = load_json(self.cleaned_data["rest"].encode())
        except InvalidInput as refusal:
            raise ValidationError(refusal.message.replace("The body", "This"), code=refusal.code) from refusal
        if not isinstance(found, dict):
            raise ValidationError("Write one JSON object, in braces.", code="not-an-object")
        return found

    def clean(self) -> dict[str, Any]:
        """Put numbers and rest together and check the whole by the rules of the codec, error at its field."""
        cleaned = super().clean()
        if self.errors:
            return cleaned
        try:
            cleaned["definition"] = load(join(cleaned, cleaned["rest"]))
        except InvalidInput as refusal:
            self.add_refusal(refusal)
        return cleaned

    def add_refusal(self, refusal: DomainError, names: Mapping[str, str] | None = None) -> None:
        """A refusal at `definition.dose.mg_per_kg` belongs to that box; any other path to the JSON, with its
        path.
        """
        path = (refusal.field or "").removeprefix("definition.")
        place = next((name for name, parts in PLACES.items() if ".".join(parts) == path), None)
        if place is None and refusal.field and refusal.field.startswith("definition"):
            self.error_status = 422
            self.add_error(
                "rest", ValidationError(f"{path}: {refusal.message}.".replace("..", "."), code=refusal.code)
            )
            return
        words = refusal.message if place is None else f"{refusal.message[:1].upper()}{refusal.message[1:]}."
        super().add_refusal(_at(refusal, place, words), names)
        self.error_status = 422 if refusal.status == 400 else self.error_status


def _at(refusal: DomainError, field: str | None, words: str) -> DomainError:
    again = type(refusal)(words, code=refusal.code, field=field or refusal.field)
    again.status = refusal.status
    return again


def initial(definition: ProtocolDefinition) -> dict[str, Any]:
    """What the form shows for a text: its main numbers, and the rest as indented JSON."""
    data = dump(definition)
    shown: dict[str, Any] = {}
    for name, path in PLACES.items():
        holder = data[path[0]] if len(path) == 2 else data
        shown[name] = holder.pop(path[-1])
    data.pop("dose")
    shown["rest"] = json.dumps(data, indent=2, ensure_ascii=False)
    return shown


def join(values: Mapping[str, Any], rest: Mapping[str, Any]) -> dict[str, Any]:
    """The whole definition as JSON. Raises InvalidInput when the rest names something that has a box of its
    own.
    """
    whole: dict[str, Any] = {
        key: dict(item) if isinstance(item, Mapping) else item for key, item in rest.items()
    }
    for name, path in PLACES.items():
        holder = whole
        if len(path) == 2:
            holder = whole.setdefault(path[0], {})
            if not isinstance(holder, dict):
                raise InvalidInput("must be an object", field=f"definition.{path[0]}")
        if path[-1] in holder:
            raise InvalidInput(
                "has its own box above: leave it out here", field=f"definition.rest.{'.'.join(path)}"
            )
        value = values[name]
        holder[path[-1]] = format(value, "f") if isinstance(value, Decimal) else value
    return whole


class DocumentForm(ClinicalForm):
    """The consent or education text of a draft."""

    versioned = True
    title = ClinicalTextField("Title", max_length=160)
    body = ClinicalTextField(
        "Text",
        rows=24,
        max_length=LONGEST_BODY,
        hint="A line that begins with ## is a heading, one that begins with a hyphen is a list item.",
    )
    change = forms.ChoiceField(
        label="What the text asks of patients", choices=ProtocolDocument.Change.choices, widget=Radios()
    )


class ActForm(ClinicalForm):
    """An act of review without words."""

    versioned = True


class ApproveForm(ClinicalForm):
    """The signature: which text was read."""

    versioned = True
    sha256 = forms.CharField(widget=forms.HiddenInput(), max_length=64)
    read = forms.BooleanField(label="I have read this version and approve it for use")


class ReturnForm(ClinicalForm):
    """Back to the author."""

    versioned = True
    note = ClinicalTextField("What needs another look", rows=4, max_length=500)


class RetireForm(ClinicalForm):
    """Out of use."""

    versioned = True
    reason = ClinicalTextField("Why it is retired", rows=3, max_length=500)


class ReviseForm(ClinicalForm):
    """The next draft from a published text."""

    versioned = True
    change_note = ClinicalTextField("What will change, and why", rows=3, max_length=500, required=False)
