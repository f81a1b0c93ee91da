"""Forms of planning, moving and ending visits, and of weekly hours. They read; the services decide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from protocols.models import ProtocolVersion
from protocols.presenting import cautions
from scheduling.reasons import CANCEL, END, EXTRA, INITIATORS, MOVE, NO_SHOW, OMIT, PAUSE
from staff.clock import app_now
from staff.errors import DomainError
from staff.forms import (
    ClinicalDateField,
    ClinicalForm,
    ClinicalTextField,
    LocalDateTimeField,
    Radios,
    UnitDecimalField,
    UnitIntegerField,
)
from staff.models import User

ANY, OTHER = "", "other"


def choices_of(table: Mapping[str, str]) -> list[tuple[str, str]]:
    """A table of coded reasons as choices."""
    return list(table.items())


class PlanForm(ClinicalForm):
    """What a series is planned from."""

    protocol = forms.ChoiceField(label="Protocol")
    weight_kg = UnitDecimalField(
        "Weight", unit="kg", min_value="20", max_value="350", decimal_places=1, plausible=("30", "250"),
        hint="For planning only: the dose is ordered from the weight of the day.",
    )  # fmt: skip
    first_day = ClinicalDateField("First visit not before")
    part_of_day = forms.ChoiceField(
        label="Time of day",
        required=False,
        choices=[(ANY, "Any"), ("morning", "Mornings"), ("afternoon", "Afternoons")],
        widget=Radios(inline=True),
    )
    therapist = forms.ChoiceField(label="Therapist afterwards", required=False)
    given_elsewhere = UnitIntegerField(
        "Infusions of this course given elsewhere", required=False, min_value=0, max_value=59
    )

    def __init__(
        self,
        *args: Any,
        versions: Iterable[ProtocolVersion],
        therapists: Iterable[User],
        elsewhere: int = 0,
        **kwargs: Any,
    ) -> None:
        """`elsewhere`: treatments on record from before; without any, nothing is asked about them."""
        super().__init__(*args, **kwargs)
        if elsewhere:
            on_record = f"{elsewhere} treatment{'s' if elsewhere != 1 else ''} on record"
            self.fields[
                "given_elsewhere"
            ].help_text = f"{on_record}. After 3, the next is infusion 4. Empty: none."
        else:
            del self.fields["given_elsewhere"]
        self.versions = {str(item.code): item for item in versions}
        self.therapists = {str(item.code): item for item in therapists}
        today = timezone.localdate(app_now())
        names = [(code, _label(item, today)) for code, item in self.versions.items()]
        if len(names) > 1:  # nobody starts on a protocol because it was the first of the alphabet
            names.insert(0, ("", "Choose one"))
        self.fields["protocol"].choices = names  # type: ignore[attr-defined]  # a ChoiceField
        people = [(code, item.full_name) for code, item in self.therapists.items()]
        self.fields["therapist"].choices = [(ANY, "Whoever is free and licensed"), *people]  # type: ignore[attr-defined]  # a ChoiceField

    @property
    def version(self) -> ProtocolVersion:
        """The chosen version of a valid form."""
        return self.versions[self.cleaned_data["protocol"]]

    @property
    def given_before(self) -> int:
        """Infusions of this course that the patient comes with, of a valid form."""
        return int(self.cleaned_data.get("given_elsewhere") or 0)

    @property
    def chosen_therapist(self) -> User | None:
        """The chosen therapist of a valid form."""
        return self.therapists.get(self.cleaned_data["therapist"])


def _label(version: ProtocolVersion, today: date) -> str:
    visits = version.read().visits
    name = f"{version.template.name}, {visits} infusion{'s' if visits != 1 else ''} (v{version.number})"
    said = [what.lower() for what, _ in cautions(version, today)]
    return f"{name}: {', '.join(said)}" if said else name


class ReasonForm(ClinicalForm):
    """A coded reason, who asked, and a note."""

    versioned = True
    table: ClassVar[Mapping[str, str]] = {}
    first_initiator: ClassVar[str] = "patient"

    reason = forms.ChoiceField(label="Reason")
    initiator = forms.ChoiceField(
        label="Asked by", choices=[(code, words.capitalize()) for code, words in INITIATORS.items()],
        widget=Radios(inline=True),
    )  # fmt: skip
    note = ClinicalTextField("Note", required=False, max_length=110)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].choices = [(ANY, "Choose a reason"), *choices_of(self.table)]  # type: ignore[attr-defined]  # a ChoiceField
        self.initial.setdefault("initiator", self.first_initiator)


class CancelForm(ReasonForm):
    """Take a visit off the calendar."""

    table = CANCEL


class OmitForm(ReasonForm):
    """Skip an infusion."""

    table = OMIT
    first_initiator = "clinician"


class EndSeriesForm(ReasonForm):
    """End a series early."""

    table = END
    first_initiator = "clinician"


class PauseForm(ReasonForm):
    """Rest for a while: until when, and how long the chairs stay."""

    table = PAUSE
    first_initiator = "clinician"

    review_on = ClinicalDateField("Look at it again on")
    keep_chairs_days = UnitIntegerField(
        "Keep the chairs for", unit="days", min_value=0, max_value=60, hint="0 gives them back at once."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("keep_chairs_days", 0)


class ResumeForm(ClinicalForm):
    """Go on: nothing is asked, but the version."""

    versioned = True


class SkipForm(OmitForm):
    """Skip an infusion that has no date: there is no visit whose version could be stale."""

    versioned = False


class NoShowForm(ReasonForm):
    """The patient did not come."""

    table = NO_SHOW

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["initiator"]


class TimeForm(ReasonForm):
    """A new time: one of those offered, or another one typed in."""

    table = MOVE
    first_initiator = "patient"

    offered = forms.ChoiceField(label="New time", widget=Radios())
    start = LocalDateTimeField(
        "Date and time", required=False, hint="Only for another time than those offered."
    )
    displace_therapy = forms.BooleanField(
        label="Therapy sessions that stand in the way lose their time",
        help_text="They go on the therapist's list and need a new time.",
        required=False,
    )
    close_reason = ClinicalTextField("Reason of a prescriber", required=False, max_length=200)
    field_order: tuple[str, ...] = (
        "offered", "start", "reason", "initiator", "note", "close_reason", "displace_therapy",
    )  # fmt: skip

    def __init__(self, *args: Any, offers: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._asks_why_close = self.fields["close_reason"].widget
        if not self.data.get("close_reason"):  # asked only where a service has refused the distance
            self.fields["close_reason"].widget = forms.HiddenInput()
        last = [(OTHER, "Another time")] if offers else [(OTHER, "Type a time")]
        self.fields["offered"].choices = [*offers, *last]  # type: ignore[attr-defined]  # a ChoiceField
        self.initial.setdefault("offered", offers[0][0] if offers else OTHER)

    def clean(self) -> dict[str, Any]:
        """Exactly one time: the offered one, or the typed one."""
        cleaned = super().clean()
        offered = cleaned.get("offered") or OTHER
        if offered == OTHER and cleaned.get("start") is None and "start" not in self.errors:
            self.add_error("start", ValidationError("Enter the date and time.", code="required"))
        return cleaned

    def add_refusal(self, refusal: DomainError, names: Mapping[str, str] | None = None) -> None:
        """A distance that needs a prescriber's reason is asked for beside the refusal."""
        if refusal.field == "close_reason":
            self.fields["close_reason"].widget = self._asks_why_close
        super().add_refusal(refusal, names)

    @property
    def wanted(self) -> datetime:
        """The chosen start of a valid form."""
        offered = self.cleaned_data["offered"]
        typed: datetime = (
            self.cleaned_data["start"] if offered in (ANY, OTHER) else datetime.fromisoformat(offered)
        )
        return typed


class MoveForm(TimeForm):
    """A new time for a visit, and which visits go with it. `siblings`: how many come after it and could."""

    scope = forms.ChoiceField(
        label="What moves",
        required=False,
        choices=[
            ("this", "Only this visit"),
            ("cycle", "This and the rest of this cycle"),
            ("following", "This and all that follow"),
        ],
        widget=Radios(),
        help_text="The others move only after you have seen and accepted every change.",
    )
    chair = forms.CharField(widget=forms.HiddenInput(), required=False, max_length=36)
    field_order = (
        "offered",
        "start",
        "scope",
        "reason",
        "initiator",
        "note",
        "close_reason",
        "displace_therapy",
        "chair",
    )

    def __init__(self, *args: Any, siblings: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.siblings = siblings
        self.initial.setdefault("scope", "this")
        if not siblings:
            del self.fields["scope"]

    def clean(self) -> dict[str, Any]:
        """Without an answer only this visit moves."""
        cleaned = super().clean()
        cleaned["scope"] = cleaned.get("scope") or "this"
        return cleaned


class NewTimeForm(TimeForm):
    """A date for an infusion that has none: no reason is asked, nothing can be stale."""

    versioned = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("reason", "initiator", "note", "displace_therapy"):
            del self.fields[name]


class ExtraForm(TimeForm):
    """One more infusion of a running series."""

    versioned = False
    table = EXTRA
    first_initiator = "clinician"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["displace_therapy"]


class WaitlistForm(ClinicalForm):
    """How urgent an infusion is, and when the patient could come."""

    urgency = forms.ChoiceField(
        label="Urgency",
        choices=[("1", "Routine"), ("2", "Soon"), ("3", "Urgent")],
        widget=Radios(inline=True),
    )
    part_of_day = forms.ChoiceField(
        label="Time of day",
        required=False,
        choices=[(ANY, "Any"), ("morning", "Mornings"), ("afternoon", "Afternoons")],
        widget=Radios(inline=True),
    )
    notice_hours = UnitIntegerField(
        "Notice that the patient needs", unit="h", min_value=0, max_value=168,
        hint="Escort, fasting and travel take time.",
    )  # fmt: skip
    note = ClinicalTextField("Note", required=False, max_length=110)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.update({"urgency": "1", "part_of_day": "", "notice_hours": 4})


class LongGapForm(ClinicalForm):
    """One longer gap that a prescriber allows."""

    ordinal = forms.ChoiceField(label="Which gap")
    max_hours = UnitIntegerField("Up to", unit="h", min_value=24, max_value=672, hint="From start to start.")
    note = ClinicalTextField("Reason", max_length=200)

    def __init__(self, *args: Any, choices: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["ordinal"].choices = [(ANY, "Choose a gap"), *choices]  # type: ignore[attr-defined]  # a ChoiceField


class DecideForm(ClinicalForm):
    """Why a prescriber lets something be done that a rule asks them about."""

    versioned = True
    override_reason = ClinicalTextField("Reason", max_length=200)


class LateForm(ClinicalForm):
    """How many minutes after its time a visit will start."""

    versioned = True
    minutes = UnitIntegerField("Late by", unit="min", min_value=5, max_value=300)
