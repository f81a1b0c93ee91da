"""Forms of the day: other drugs, the bag, notes, endings, assessments, holds, a handover."""

from __future__ import annotations

from typing import Any

from django import forms

from sessions.forms.record import RecordForm, when_field
from sessions.models import ChairNote, Disposition, EndingAssessment, Infusion
from sessions.services.drugs import PRN_DRUGS
from staff import roles
from staff.forms import (
    ClinicalDateField,
    ClinicalTextField,
    LocalDateTimeField,
    Radios,
    UnitDecimalField,
)
from staff.models import User
from staff.querysets_people import NOT_JOINED

ENDINGS = [(key, label) for key, label in Disposition.Outcome.choices if key in {*Disposition.UNPLANNED}]


def colleagues(infusion: Infusion, *wanted: str) -> Any:
    """Active people of the record's site who hold one of these roles and have joined."""
    return (
        User.objects.filter(is_active=True, sites=infusion.site_id, groups__name__in=wanted)
        .exclude(NOT_JOINED)
        .distinct()
        .order_by("full_name", "pk")
    )


class DrugForm(RecordForm):
    """A drug given beside the infusion."""

    key = "drug"
    drug = forms.ChoiceField(
        label="Drug", choices=[("", "Choose"), *((key, entry[0]) for key, entry in PRN_DRUGS.items())]
    )
    drug_name = ClinicalTextField("Name, if another drug", required=False, max_length=60)
    dose_mg = UnitDecimalField("Dose", unit="mg", min_value="0.01", max_value="5000", decimal_places=2)
    ordered_by = forms.ModelChoiceField(
        label="Ordered by", queryset=User.objects.none(), to_field_name="email", empty_label="Choose"
    )
    observed_at = when_field()
    sedating = forms.BooleanField(label="It sedates (if another drug)", required=False)
    note = ClinicalTextField("Note", required=False, max_length=200)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["ordered_by"].queryset = colleagues(self.infusion, roles.CLINICIAN)  # type: ignore[attr-defined]  # a ModelChoiceField


class BagForm(RecordForm):
    """Lot, day of expiry, and what was thrown away before a witness."""

    key = "bag"
    lot = ClinicalTextField("Lot number", max_length=40)
    expires_on = ClinicalDateField("Use by")
    waste_mg = UnitDecimalField(
        "Wasted", unit="mg", min_value="0", max_value="1000", decimal_places=2, required=False
    )
    second_email = forms.EmailField(label="Witness's e-mail", required=False)
    second_password = forms.CharField(
        label="Their password",
        required=False,
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )


class NoteForm(RecordForm):
    """A note, or the patient's own words."""

    key = "note"
    kind = forms.ChoiceField(label="What it is", choices=ChairNote.Kind.choices, widget=Radios(inline=True))
    text = ClinicalTextField(
        "Words", rows=3, max_length=4000, hint="The patient's words as said, without interpretation"
    )


class RenewForm(RecordForm):
    """The rest of the bag is ordered again after a long pause."""

    key = "renew"
    reason = ClinicalTextField("Why the infusion goes on", max_length=200)


class EndingForm(RecordForm):
    """The patient is gone otherwise than discharged."""

    key = "ending"
    outcome = forms.ChoiceField(label="How the visit ended", choices=[("", "Choose"), *ENDINGS])
    last_seen_at = LocalDateTimeField("Last seen", nudges=True, required=False, hint="Leave empty for now")
    condition = ClinicalTextField("Condition when last seen", rows=2, max_length=300)


class AssessmentForm(RecordForm):
    """A clinician's assessment after an unplanned ending."""

    key = "assessment"
    manner = forms.ChoiceField(
        label="How", choices=EndingAssessment.Manner.choices, widget=Radios(inline=True)
    )
    words = ClinicalTextField("How the patient is", rows=2, max_length=500)
    observed_at = when_field()


class ReleaseForm(RecordForm):
    """A prescriber lets infusions go on."""

    key = "release"
    reason = ClinicalTextField("Why infusions may go on", max_length=200)


class HandoverForm(RecordForm):
    """To whom, and what they must know."""

    key = "handover"
    to_nurse = forms.ModelChoiceField(
        label="Hand over to", queryset=User.objects.none(), to_field_name="email", empty_label="Choose"
    )
    words = ClinicalTextField("What they must know", rows=2, max_length=300, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = colleagues(self.infusion, roles.NURSE, roles.CLINICIAN)
        self.fields["to_nurse"].queryset = people  # type: ignore[attr-defined]  # a ModelChoiceField
