"""Forms about patients. Values are read strictly (staff.form_fields); rules are the services' own."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, cast

from django import forms
from django.conf import settings

from patients.contraindications import KINDS
from patients.models import (
    ContactPoint,
    Contraindication,
    ExternalTherapist,
    LegalRepresentative,
    Patient,
    PriorExposure,
    TherapistRelease,
)
from patients.services.addresses import LONGEST
from patients.services.history import MOST_MG, MOST_TREATMENTS
from patients.services.identity import MAX_HEIGHT_CM, MIN_HEIGHT_CM
from staff.forms import (
    ClinicalDateField,
    ClinicalForm,
    ClinicalTextField,
    Radios,
    UnitDecimalField,
    UnitIntegerField,
)
from staff.models import Site, User
from staff.zones import places

ROUTE_LABELS = {
    "iv": "IV infusion",
    "im": "Injection into a muscle",
    "sc": "Injection under the skin",
    "oral": "By mouth",
    "intranasal": "Nasal spray",
}


@lru_cache(maxsize=1)
def zone_choices() -> list[tuple[str, str]]:
    """Time zones as people look for them: by continent and city."""
    return [(name, name.replace("_", " ")) for name in places()]


class SearchForm(ClinicalForm):
    """The search box. It is sent in the body, because an address with a name in it ends up in logs."""

    q = ClinicalTextField("Find a patient", max_length=100, required=False)


class PatientForm(ClinicalForm):
    """Who the patient is. `site_choices` only when a new record is made."""

    family_name = ClinicalTextField("Family name", max_length=80)
    given_name = ClinicalTextField("Given name", max_length=80)
    birth_date = ClinicalDateField("Date of birth")
    mrn = ClinicalTextField("Record number (MRN)", max_length=32)
    sex = forms.ChoiceField(label="Sex on the chart", choices=Patient.Sex.choices, widget=Radios(inline=True))
    height_cm = UnitDecimalField(
        "Height",
        unit="cm",
        min_value=MIN_HEIGHT_CM,
        max_value=MAX_HEIGHT_CM,
        decimal_places=1,
        plausible=("140", "205"),
        required=False,
    )
    language = forms.ChoiceField(label="Language", choices=settings.LANGUAGES, initial="en")
    interpreter = ClinicalTextField(
        "Interpreter needed for",
        required=False,
        max_length=60,
        hint="A language, also sign language. Empty: none is needed. It stands on every page about the patient.",
    )
    time_zone = forms.ChoiceField(
        label="Time zone", choices=zone_choices, help_text="Where the patient lives: reminders follow it."
    )
    jurisdiction = ClinicalTextField(
        "Jurisdiction", max_length=8, hint="Where the patient lives, as on a therapist's licence: US-OR, GB."
    )
    confirm_different = forms.BooleanField(
        label="I have compared them: this is another person", required=False
    )

    def __init__(self, *args: Any, similar: Iterable[Patient] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.similar = list(similar)

    @property
    def asks_to_compare(self) -> bool:
        """Whether the box that confirms another person belongs on the page."""
        return bool(self.similar) or "confirm_different" in self.errors


class NewPatientForm(PatientForm):
    """A patient who is not on file yet, at one of the person's own sites."""

    site = forms.ModelChoiceField(
        label="Site", queryset=Site.objects.none(), to_field_name="code", empty_label=None
    )
    field_order = ("site",)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        site = self.fields["site"]
        assert isinstance(site, forms.ModelChoiceField)
        site.queryset = user.sites.order_by("name")


class EditPatientForm(PatientForm):
    """A change to a record on file."""

    versioned = True


class TeamForm(ClinicalForm):
    """Who treats the patient. Only people with that role at the patient's site are offered."""

    versioned = True
    therapist = forms.ModelChoiceField(
        label="Therapist", queryset=User.objects.none(), to_field_name="code", required=False,
        empty_label="Unassigned: any therapist of the site may take the patient",
    )  # fmt: skip
    prescriber = forms.ModelChoiceField(
        label="Prescriber", queryset=User.objects.none(), to_field_name="code", required=False,
        empty_label="Nobody yet",
    )  # fmt: skip

    def __init__(self, *args: Any, patient: Patient, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        at_site = User.objects.filter(is_active=True, sites=patient.site_id)
        for name, role in (("therapist", "therapist"), ("prescriber", "clinician")):
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = at_site.filter(groups__name=role)


class StatusForm(ClinicalForm):
    """Whether the person is still a patient here."""

    versioned = True
    status = forms.ChoiceField(label="Status", choices=Patient.Status.choices, widget=Radios())
    correction = forms.BooleanField(label="The death was recorded by mistake", required=False)


class VersionForm(ClinicalForm):
    """Nothing but the version: for acts that are one button."""

    versioned = True


class ContactPointForm(ClinicalForm):
    """A new address: of the patient, of the adult who takes them home, of a legal representative, or of the patient's
    therapist outside the clinic.
    """

    whose = forms.ChoiceField(
        label="Whose is it", choices=ContactPoint.Whose.choices, widget=Radios(inline=True), initial="patient"
    )
    channel = forms.ChoiceField(
        label="Kind", choices=ContactPoint.Channel.choices, widget=Radios(inline=True), initial="sms"
    )
    address = ClinicalTextField(
        "Address or number", max_length=LONGEST, hint="Such as +1 503 555 0142, or name@example.org."
    )
    representative = forms.ChoiceField(
        label="Which legal representative",
        required=False,
        help_text="For an address of a legal representative only.",
    )
    preferred = forms.BooleanField(label="Use this one first", required=False)
    person_name = ClinicalTextField(
        "Name of the adult who takes the patient home", max_length=80, required=False,
        hint="For an escort only. They are told day and time of visits, and nothing else.",
    )  # fmt: skip
    patient_agrees = forms.BooleanField(label="The patient agrees that this person is told", required=False)

    def __init__(
        self,
        *args: Any,
        representatives: Iterable[LegalRepresentative] = (),
        external: ExternalTherapist | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.external = external
        choices = dict(ContactPoint.Whose.choices)
        if external is None:
            del choices["external"]
        else:
            choices["external"] = f"Of {external.name}, the therapist outside"
        self.people = {str(row.code): row for row in representatives}
        if self.people:
            field = cast("forms.ChoiceField", self.fields["representative"])
            field.choices = [("", "None"), *((key, str(row)) for key, row in self.people.items())]
        else:
            del self.fields["representative"]
            del choices["representative"]
        cast("forms.ChoiceField", self.fields["whose"]).choices = list(choices.items())

    @property
    def chosen_representative(self) -> LegalRepresentative | None:
        """The legal representative whose address it is; None for any other."""
        return self.people.get(self.cleaned_data.get("representative") or "")


class VerifyForm(ClinicalForm):
    """The address once more, as the patient reads it back."""

    versioned = True
    address_again = ClinicalTextField(
        "Address or number, as the patient reads it back",
        max_length=LONGEST,
        hint="Type what you hear. It is compared with the address on file.",
    )


class QuietHoursForm(ClinicalForm):
    """Hours without messages, in the patient's own zone."""

    quiet_from = forms.TimeField(
        label="No messages from",
        input_formats=["%H:%M"],
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time", "class": "width-time"}),
        help_text="21:30 at the latest",
    )
    quiet_until = forms.TimeField(
        label="until",
        input_formats=["%H:%M"],
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time", "class": "width-time"}),
        help_text="08:00 at the earliest",
    )


class ContraindicationForm(ClinicalForm):
    """What speaks against treatment."""

    kind = forms.ChoiceField(
        label="What speaks against treatment",
        choices=[("", "Choose one"), *((code, kind.label) for code, kind in KINDS.items())],
    )
    severity = forms.ChoiceField(
        label="How it weighs",
        choices=[("", "As usual for this entry"), *Contraindication.Severity.choices],
        widget=Radios(),
        required=False,
    )
    note = ClinicalTextField("Note", rows=3, max_length=300, required=False)


class ResolveForm(ClinicalForm):
    """Why a contraindication no longer applies."""

    reason = ClinicalTextField("Why it no longer applies", rows=3, max_length=300)


class ExposureForm(ClinicalForm):
    """Ketamine or esketamine given elsewhere."""

    route = forms.ChoiceField(
        label="Route", choices=[(name, ROUTE_LABELS[name]) for name in PriorExposure.ROUTES], widget=Radios()
    )
    count = UnitIntegerField("How often", unit="times", min_value=1, max_value=MOST_TREATMENTS)
    first_on = ClinicalDateField("First day", required=False)
    last_on = ClinicalDateField("Last day", required=False)
    total_mg = UnitDecimalField(
        "Total amount", unit="mg", min_value="0.1", max_value=MOST_MG, decimal_places=1, required=False,
        hint="Leave empty when not known",
    )  # fmt: skip
    source = ClinicalTextField("Known from", hint="Such as the referral letter of 3 March 2026.")


class RepresentativeForm(ClinicalForm):
    """Who may sign for the patient, and what shows it."""

    name = ClinicalTextField("Name", max_length=120)
    relationship = forms.ChoiceField(
        label="Legal ground", choices=LegalRepresentative.Relationship.choices, widget=Radios()
    )
    authority = ClinicalTextField(
        "Which paper you have seen", max_length=200, hint="Such as the court's order, with its date."
    )


class RepresentativeEndForm(ClinicalForm):
    """Why somebody no longer signs for the patient."""

    reason = ClinicalTextField("Why it ended", rows=2, max_length=200)


class ExternalTherapistForm(ClinicalForm):
    """Who treats the patient outside the clinic: somebody known here, or a new name."""

    known = forms.ChoiceField(
        label="Known here already",
        required=False,
        help_text="Their addresses come along. Else leave it empty.",
    )
    name = ClinicalTextField("Name", max_length=120, required=False, hint="Of somebody new.")
    practice = ClinicalTextField("Practice", max_length=120, required=False)
    jurisdiction = ClinicalTextField(
        "Licensed in", max_length=8, required=False, hint="As in US-OR, when known."
    )
    licence_number = ClinicalTextField("Licence number", max_length=40, required=False, hint="When known.")

    def __init__(self, *args: Any, people: Iterable[ExternalTherapist] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = {str(row.code): row for row in people}
        field = cast("forms.ChoiceField", self.fields["known"])
        field.choices = [("", "Somebody new"), *((code, _called(row)) for code, row in self.people.items())]
        if not self.people:
            del self.fields["known"]

    @property
    def chosen(self) -> ExternalTherapist | None:
        """Who was chosen among those known here."""
        return self.people.get(self.cleaned_data.get("known") or "")


def _called(row: ExternalTherapist) -> str:
    return ", ".join(filter(None, (row.name, row.practice, row.licence)))


class ReleaseForm(ClinicalForm):
    """The patient's signed release: times, and nothing else."""

    signed_on = ClinicalDateField("Signed by the patient on")
    shown_as = forms.ChoiceField(
        label="How the therapist sees the patient",
        choices=TherapistRelease.Shown.choices,
        widget=Radios(inline=True),
    )
    valid_until = ClinicalDateField(
        "Valid until",
        required=False,
        hint="The last day, at most a year after the signature. Empty: 180 days.",
    )


class RevokeForm(ClinicalForm):
    """The patient takes the release back."""

    reason = ClinicalTextField("What the patient says", max_length=200, required=False)
