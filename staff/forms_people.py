"""Forms about people, licences and sites. The rules are the services' own."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django import forms
from django.conf import settings

from staff import roles
from staff.forms import Checkboxes, ClinicalDateField, ClinicalForm, ClinicalTextField, Radios
from staff.models import Licence, Site
from staff.zones import places


@lru_cache(maxsize=1)
def zone_choices() -> list[tuple[str, str]]:
    """Time zones as people look for them: by continent and city."""
    return [("", "Choose one"), *((name, name.replace("_", " ")) for name in places())]


class AccessForm(ClinicalForm):
    """Which roles, and where."""

    versioned = True
    roles = forms.MultipleChoiceField(
        label="Roles",
        widget=Checkboxes,
        choices=[(name, f"{label}: {roles.WHAT_THEY_DO[name]}") for name, label in roles.LABELS.items()],
        help_text="One person may hold several.",
    )
    sites = forms.ModelMultipleChoiceField(
        label="Sites", queryset=Site.objects.none(), to_field_name="code", widget=Checkboxes, required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sites = self.fields["sites"]
        assert isinstance(sites, forms.ModelMultipleChoiceField)
        sites.queryset = Site.objects.order_by("name")


class PersonForm(ClinicalForm):
    """Who somebody is."""

    versioned = True
    full_name = ClinicalTextField("Name", max_length=120, hint="As colleagues and signatures show it.")
    title = ClinicalTextField(
        "Title or profession", max_length=60, required=False, hint="Such as Psychiatrist."
    )
    email = ClinicalTextField("E-mail address", max_length=254, hint="They sign in with it.")
    languages = forms.MultipleChoiceField(
        label="Languages spoken with patients", choices=settings.LANGUAGES, initial=["en"],
        widget=Checkboxes(many=True),
    )  # fmt: skip


class InviteForm(AccessForm, PersonForm):
    """Who, what they do here, and where."""

    versioned = False
    field_order = ("full_name", "title", "email", "roles", "sites", "languages")


class DeactivateForm(ClinicalForm):
    """Why somebody's access ends."""

    versioned = True
    reason = ClinicalTextField(
        "Why", max_length=200, hint="Such as left on 30 November. Kept in the history."
    )


class LicenceForm(ClinicalForm):
    """A licence, from its first to its last day."""

    versioned = True
    profession = forms.ChoiceField(
        label="Licensed as", choices=Licence.Profession.choices, widget=Radios(inline=True)
    )
    jurisdiction = ClinicalTextField(
        "Where it is valid", max_length=8, hint="Country, and the state where there is one: US-OR, GB."
    )
    number = ClinicalTextField("Licence number", max_length=40)
    valid_from = ClinicalDateField("First day")
    last_day = ClinicalDateField("Last day", required=False, hint="Leave empty when no end is known.")

    def clean_jurisdiction(self) -> str:
        """Letters may be typed small."""
        return str(self.cleaned_data["jurisdiction"]).upper()


class SiteForm(ClinicalForm):
    """A place where infusions are given."""

    versioned = True
    name = ClinicalTextField("Name", max_length=120)
    short_name = ClinicalTextField("Short name", max_length=24, required=False, hint="For narrow lists.")
    phone = ClinicalTextField(
        "Phone", max_length=32, hint="Patients are asked to call it. Such as +1 503 555 0140."
    )
    address = ClinicalTextField("Address", max_length=200, required=False)
    country = ClinicalTextField("Country", max_length=2, hint="Two letters, such as US or GB.")
    subdivision = ClinicalTextField(
        "State or region", max_length=3, required=False,
        hint="As licences and holiday calendars write it, such as OR. Empty where there is none.",
    )  # fmt: skip
    time_zone = forms.ChoiceField(label="Time zone", choices=zone_choices)
    open_on_holidays = forms.BooleanField(label="Open on public holidays", required=False)

    def clean(self) -> dict[str, Any]:
        """Letters may be typed small; without a short name the name is cut."""
        cleaned = super().clean()
        for name in ("country", "subdivision"):
            if name in cleaned:
                cleaned[name] = cleaned[name].upper()
        if not cleaned.get("short_name") and cleaned.get("name"):
            cleaned["short_name"] = cleaned["name"][:24].strip()
        return cleaned


class NewSiteForm(SiteForm):
    """A site that is not open yet."""

    versioned = False
