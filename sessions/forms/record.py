"""Forms at the chair: weight, checks, order, pump, vitals, criteria. Empty times mean now."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from protocols.evidence import COMPROMISES
from protocols.wording import ROUTES
from sessions import dosing
from sessions.discharge_values import BASELINES, VALUES
from sessions.gates import OVERRIDE_REASONS
from sessions.models import AdverseEvent, CriterionResult, Infusion, PreInfusionCheck, PumpEvent
from sessions.order_reasons import OrderShape
from sessions.services import ADVERSE_EVENTS, NOT_GIVEN_REASONS
from sessions.services.checks import NOT_APPLICABLE
from staff.forms import (
    ClinicalForm,
    ClinicalTextField,
    LocalDateTimeField,
    Radios,
    UnitDecimalField,
    UnitIntegerField,
)

ML_PER_HOUR, MG_PER_MIN = "ml_per_hour", "mg_per_min"
NOW_HINT = "Leave empty for now"


class RecordForm(ClinicalForm):
    """Base of the forms on the record: version and patient travel with every one."""

    versioned = True
    key = ""

    def __init__(self, *args: Any, infusion: Infusion, **kwargs: Any) -> None:
        self.infusion = infusion
        kwargs.setdefault("auto_id", f"{self.key}_%s")
        kwargs.setdefault("version", infusion.version)
        kwargs.setdefault("patient_code", infusion.patient.code)
        super().__init__(*args, **kwargs)


def when_field(label: str = "Time") -> LocalDateTimeField:
    """A time that is now when left empty, with buttons to set it 1, 5 or 10 minutes earlier."""
    return LocalDateTimeField(label, nudges=True, required=False, hint=NOW_HINT)


class WeightForm(RecordForm):
    """Today's weight; the height is asked only while the patient has none."""

    key = "weight"
    weight_kg = UnitDecimalField(
        "Weight", unit="kg", min_value="20", max_value="350", plausible=("40", "150"), decimal_places=1
    )
    height_cm = UnitDecimalField(
        "Height", unit="cm", min_value="100", max_value="230", decimal_places=1, required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.infusion.patient.height_cm is not None:
            del self.fields["height_cm"]


class SecondWeightForm(RecordForm):
    """The second weighing: the first one is not shown."""

    key = "second_weight"
    weight_kg = UnitDecimalField(
        "Weight, second weighing", unit="kg", min_value="20", max_value="350", decimal_places=1
    )


class LineForm(RecordForm):
    """One line of a list: its ids carry the line's own code, so that an error is shown at the line."""

    line = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        sent = args[0] if args else kwargs.get("data")
        code = str(sent.get(self.line, "")) if sent else ""
        kwargs.setdefault("auto_id", f"{self.key}_{code}_%s" if code.isidentifier() else f"{self.key}_%s")
        super().__init__(*args, **kwargs)

    @property
    def failed_line(self) -> str:
        """The code of the line that came back with errors; empty when none did."""
        return str(self.data.get(self.line, "")) if self.is_bound and self.errors else ""


class CheckForm(LineForm):
    """One answer before the start."""

    key = "check"
    line = "kind"
    kind = ClinicalTextField("Check", max_length=30, widget=forms.HiddenInput())
    outcome = forms.ChoiceField(label="Answer", choices=PreInfusionCheck.Outcome.choices)
    note = ClinicalTextField("What you found", required=False, max_length=200)
    reason_code = forms.ChoiceField(
        label="Why there is no test", choices=[("", ""), *NOT_APPLICABLE.items()], required=False
    )
    ate_at = LocalDateTimeField("Last food", required=False)
    drank_at = LocalDateTimeField("Last clear drink", required=False)


class OrderForm(RecordForm):
    """The prescriber's order; a dose over the ceiling asks for a second prescriber."""

    key = "order"
    ordered_mg = UnitDecimalField("Dose", unit="mg", min_value="0.5", max_value="200", decimal_places=1)
    bag_mg_per_ml = UnitDecimalField(
        "Bag concentration", unit="mg/mL", min_value="0.1", max_value="100", decimal_places=3
    )
    low_reason = forms.ChoiceField(
        label="Why less than 0.5 mg/kg",
        choices=[("", "Does not apply"), *COMPROMISES["low_dose"].items()],
        required=False,
    )
    minutes = UnitIntegerField("Over", unit="min", min_value=30, max_value=100, required=False)
    short_reason = forms.ChoiceField(
        label="Why less than 40 minutes",
        choices=[("", "Does not apply"), *COMPROMISES["short"].items()],
        required=False,
    )
    route = forms.ChoiceField(label="Route", choices=list(ROUTES.items()), required=False)
    route_reason = forms.ChoiceField(
        label="Why not into a vein",
        choices=[("", "Does not apply"), *COMPROMISES["route"].items()],
        required=False,
    )
    second_email = forms.EmailField(label="Second prescriber's e-mail", required=False)
    second_password = forms.CharField(
        label="Their password",
        required=False,
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )

    @property
    def shape(self) -> OrderShape:
        """What is not as the version says, and why."""
        data = self.cleaned_data
        return OrderShape(
            data["low_reason"], data["minutes"], data["short_reason"], data["route"], data["route_reason"]
        )

    @property
    def asks_reasons(self) -> bool:
        """Something of it was refused: the fold stands open."""
        names = ("low_reason", "minutes", "short_reason", "route", "route_reason")
        return self.is_bound and any(self.errors.get(name) for name in names)


class PumpForm(RecordForm):
    """One line of the pump log. The rate is typed as the pump shows it (mL/h) or in mg/min."""

    key = "pump"
    needed = ""  # the box that this act cannot do without
    kind = forms.ChoiceField(label="What the pump did", choices=PumpEvent.Kind.choices)
    observed_at = when_field()
    rate = UnitDecimalField(
        "Rate", unit="", min_value="0.01", max_value="2000", decimal_places=4, required=False
    )
    rate_unit = forms.ChoiceField(
        label="Unit of the rate",
        choices=[(ML_PER_HOUR, "mL/h"), (MG_PER_MIN, "mg/min")],
        required=False,
        widget=Radios(inline=True),
    )
    bolus_mg = UnitDecimalField(
        "Bolus", unit="mg", min_value="0.1", max_value="100", decimal_places=2, required=False
    )
    reason = ClinicalTextField("Note or reason", required=False, max_length=200)
    reason_code = forms.ChoiceField(
        label="Reason for starting all the same",
        choices=[("", "Choose a reason"), *OVERRIDE_REASONS.items()],
        required=False,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in filter(None, ("rate_unit", self.needed)):
            self.fields[name].always_filled = True  # type: ignore[attr-defined]  # not to be called optional

    def clean(self) -> dict[str, Any]:
        """Values that the kind of event needs are there, and the rate is also known in mg/min."""
        cleaned = super().clean()
        kind = cleaned.get("kind")
        if kind == PumpEvent.Kind.RATE and cleaned.get("rate") is None and "rate" not in self.errors:
            self.add_error("rate", ValidationError("Enter the new rate.", code="required"))
        if kind == PumpEvent.Kind.BOLUS and cleaned.get("bolus_mg") is None and "bolus_mg" not in self.errors:
            self.add_error("bolus_mg", ValidationError("Enter the bolus in mg.", code="required"))
        cleaned["rate_mg_per_min"] = self._rate(cleaned) if kind in ("start", "rate", "resume") else None
        cleaned["bolus_mg"] = cleaned.get("bolus_mg") if kind == PumpEvent.Kind.BOLUS else None
        return cleaned

    def _rate(self, cleaned: dict[str, Any]) -> Decimal | None:
        rate: Decimal | None = cleaned.get("rate")
        if rate is None or cleaned.get("rate_unit") == MG_PER_MIN:
            return rate
        if self.infusion.bag_mg_per_ml is None:
            self.add_error(
                "rate", ValidationError("Without a bag concentration, enter mg/min.", code="no-bag")
            )
            return None
        return dosing.mg_per_min_from_ml_per_hour(rate, self.infusion.bag_mg_per_ml)


class RateForm(PumpForm):
    """A new rate while the pump runs."""

    key = "rate"
    needed = "rate"


class BolusForm(PumpForm):
    """A bolus."""

    key = "bolus"
    needed = "bolus_mg"


PUMP_FORMS: dict[str, type[PumpForm]] = {form.key: form for form in (PumpForm, RateForm, BolusForm)}


class VitalsForm(RecordForm):
    """One row of the grid: four numbers and Enter."""

    key = "vitals"
    systolic = UnitIntegerField("Systolic", unit="mmHg", min_value=50, max_value=300, width=3)
    diastolic = UnitIntegerField("Diastolic", unit="mmHg", min_value=20, max_value=200, width=3)
    heart_rate = UnitIntegerField("Heart rate", unit="/min", min_value=20, max_value=250, width=3)
    spo2 = UnitIntegerField("SpO2", unit="%", min_value=40, max_value=100, width=3)
    observed_at = when_field()
    moaas = UnitIntegerField(
        "Alertness, MOAA/S", min_value=0, max_value=5, width=3, required=False, hint="0 to 5"
    )
    cadss6 = UnitIntegerField("CADSS-6", min_value=0, max_value=24, width=3, required=False, hint="0 to 24")
    note = ClinicalTextField("Note", required=False, max_length=300)


class CriterionForm(LineForm):
    """One discharge criterion as observed."""

    key = "criterion"
    line = "criterion"
    criterion = ClinicalTextField("Criterion", max_length=24, widget=forms.HiddenInput())
    outcome = forms.ChoiceField(label="Result", choices=CriterionResult.Outcome.choices, required=False)
    value = forms.ChoiceField(
        label="Answer", choices=[(key, key) for codes in VALUES.values() for key in codes], required=False
    )
    detail = ClinicalTextField("Value or reason", required=False, max_length=200)
    observed_at = when_field()


class BaselineForm(LineForm):
    """How something is before the start."""

    key = "baseline"
    line = "criterion"
    criterion = ClinicalTextField("Criterion", max_length=24, widget=forms.HiddenInput())
    value = forms.ChoiceField(
        label="Before the start", choices=[(key, key) for codes in BASELINES.values() for key in codes]
    )


class DelayForm(RecordForm):
    """The delay a prescriber states where no model covers the patient."""

    key = "delay"
    stated_delay_hours = UnitDecimalField(
        "Delay added to the estimate", unit="hours", min_value="0", max_value="72", decimal_places=1,
        hint="0 is allowed, with a reason",
    )  # fmt: skip
    stated_delay_reason = ClinicalTextField("Reason for the delay stated", max_length=200)


class LevelForm(RecordForm):
    """A plasma level from the laboratory."""

    key = "level"
    ketamine_ng_ml = UnitDecimalField(
        "Ketamine", unit="ng/mL", min_value="0", max_value="5000", decimal_places=1
    )
    observed_at = LocalDateTimeField("Blood drawn at", nudges=True)


class AdverseEventForm(RecordForm):
    """Something untoward."""

    key = "adverse"
    kind = forms.ChoiceField(label="What happened", choices=[("", "Choose"), *ADVERSE_EVENTS.items()])
    severity = forms.ChoiceField(
        label="How serious", choices=AdverseEvent.Severity.choices, widget=Radios(inline=True)
    )
    note = ClinicalTextField("In your words", rows=2, max_length=500, required=False)
    observed_at = when_field()
    pauses_later = forms.BooleanField(
        label="Hold later infusions until a prescriber lets them go on", required=False
    )

    def __init__(self, *args: Any, may_hold: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may_hold:
            del self.fields["pauses_later"]


class NotGivenForm(RecordForm):
    """Why the pump never ran."""

    key = "not_given"
    reason = forms.ChoiceField(
        label="Why it was not given", choices=[("", "Choose"), *NOT_GIVEN_REASONS.items()]
    )
    detail = ClinicalTextField("More about it", required=False, max_length=150)

    @property
    def words(self) -> str:
        """The reason as it is stored."""
        label = NOT_GIVEN_REASONS[self.cleaned_data["reason"]]
        detail = self.cleaned_data.get("detail", "")
        return f"{label}: {detail}" if detail else label


class AmendForm(RecordForm):
    """New values of one line of the pump log, with the reason."""

    key = "amend"
    observed_at = LocalDateTimeField("Observed at", nudges=True, seconds=True)
    rate_mg_per_min = UnitDecimalField(
        "Rate", unit="mg/min", min_value="0.0001", max_value="20", decimal_places=4, required=False
    )
    bolus_mg = UnitDecimalField(
        "Bolus", unit="mg", min_value="0.1", max_value="100", decimal_places=2, required=False
    )
    reason = ClinicalTextField("Reason for the correction", max_length=200)

    def __init__(self, *args: Any, event: PumpEvent, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("rate_mg_per_min", "bolus_mg"):
            if getattr(event, name) is None:
                del self.fields[name]
            else:
                self.fields[name].required = True


class CorrectWeightForm(RecordForm):
    """The right weight, once the pump has run."""

    key = "correct_weight"
    weight_kg = UnitDecimalField(
        "Right weight", unit="kg", min_value="20", max_value="350", plausible=("40", "150"), decimal_places=1
    )
    reason = ClinicalTextField("How it came to be wrong", max_length=200)


class MoveLogForm(RecordForm):
    """The clock of the log was wrong by so many minutes."""

    key = "move"
    minutes = UnitIntegerField(
        "Minutes",
        unit="min",
        min_value=-1440,
        max_value=1440,
        hint="5 moves every entry 5 minutes later, -5 earlier",
    )
    reason = ClinicalTextField("Reason for the correction", max_length=200)


class StrikeReasonForm(RecordForm):
    """Take an entry out, with the reason."""

    key = "strike"
    reason = ClinicalTextField("Reason", max_length=200)


class StrikeForm(RecordForm):
    """Take a line out of the log."""

    key = "strike"
    reason = ClinicalTextField("Reason", max_length=200, required=False)


class ActForm(RecordForm):
    """An act with nothing to type."""

    key = "act"
