"""The sign-off page: what the signer states beside the criteria."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from sessions.clearance import ADVANCE_REASONS, DELAY_REASONS
from sessions.forms.record import RecordForm
from staff.forms import ClinicalTextField, LocalDateTimeField, Radios, UnitDecimalField

OVERRIDE_CHOICES = [
    ("", "Choose a reason"),
    ("Later than the estimate", list(DELAY_REASONS.items())),
    ("Earlier than the estimate", list(ADVANCE_REASONS.items())),
]


class SignOffForm(RecordForm):
    """Every question that a sign-off may ask. The view takes away those that this record does not ask."""

    key = "sign"
    identity_checked = forms.BooleanField(label="Name and date of birth checked with the patient")
    unmet_reason = ClinicalTextField(
        "Why the patient may leave although a criterion is not met", rows=2, max_length=300, required=False
    )
    late_reason = ClinicalTextField("Why it is signed late", max_length=200, required=False)
    stated_delay_hours = UnitDecimalField(
        "Delay added to the estimate",
        unit="hours",
        min_value="0",
        max_value="72",
        decimal_places=1,
        required=False,
        hint="0 is allowed, with a reason",
    )
    stated_delay_reason = ClinicalTextField("Reason for the delay stated", max_length=200, required=False)
    opens_window = forms.ChoiceField(
        label="Does a window for therapy open after this infusion?",
        choices=[("yes", "Yes"), ("no", "No")],
        widget=Radios(inline=True),
    )
    no_window_reason = ClinicalTextField("Why no window opens", max_length=200, required=False)
    override_to = LocalDateTimeField("Therapy from", required=False, hint="Leave empty to use the estimate")
    override_code = forms.ChoiceField(
        label="Reason for another time", choices=OVERRIDE_CHOICES, required=False
    )
    override_reason = ClinicalTextField("More about it", max_length=200, required=False)
    second_email = forms.EmailField(label="Second person's e-mail", required=False)
    second_password = forms.CharField(
        label="Second person's password",
        required=False,
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, asks: frozenset[str], **kwargs: Any) -> None:
        """`asks`: which of unmet, late, delay, time, amend this record asks about."""
        super().__init__(*args, **kwargs)
        self.asks = asks
        for topic, names in (
            ("unmet", ("unmet_reason",)),
            ("late", ("late_reason",)),
            ("delay", ("stated_delay_hours", "stated_delay_reason")),
        ):
            for name in names:
                if topic in asks:
                    self.fields[name].required = True
                else:
                    del self.fields[name]
        if "window" not in asks:
            self.initial.setdefault("opens_window", "yes")
        for name in ("second_email", "second_password"):
            self.fields[name].required = "unmet" in asks
        if "time" in asks:
            self.fields["override_to"].help_text = "Clearance cannot be estimated: you state the time"
            for name in ("override_to", "override_code"):
                self.fields[name].required = True
        elif self.initial.get("override_to"):
            self.fields[
                "override_to"
            ].help_text = "Stated by the signature before; stands until you state another"
        if "amend" in asks:
            self.fields["reason"] = ClinicalTextField("Why it is signed again", max_length=200)

    def clean(self) -> dict[str, Any]:
        """A name without a password is no second person, and an override comes with its reason."""
        cleaned = super().clean()
        if bool(cleaned.get("second_email")) != bool(cleaned.get("second_password")):
            name = "second_password" if cleaned.get("second_email") else "second_email"
            if name not in self.errors:
                words = "E-mail and password of the second person belong together."
                self.add_error(name, ValidationError(words, code="pair"))
        if cleaned.get("override_to") and not cleaned.get("override_code"):
            self.add_error("override_code", ValidationError("Choose a reason.", code="required"))
        if (
            cleaned.get("override_code")
            and not cleaned.get("override_to")
            and "override_to" not in self.errors
        ):
            self.add_error(
                "override_to",
                ValidationError("Enter the time from which therapy may begin.", code="required"),
            )
        return cleaned
