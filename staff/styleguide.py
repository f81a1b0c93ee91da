"""The style guide: every component with invented data, shown only in the demo and while debugging.

The data stands still (one fixed afternoon), so that screenshots of two days can be compared.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from staff import charts, windowbar
from staff.forms import (
    Checkboxes,
    ClinicalDateField,
    ClinicalForm,
    ClinicalTextField,
    LocalDateTimeField,
    Radios,
    UnitDecimalField,
    UnitIntegerField,
)

ZONE = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 24, 13, 7, tzinfo=UTC)  # Tue 24 Nov 2026, 14:07 in Berlin


class SampleForm(ClinicalForm):
    """One of each kind of field."""

    weight_kg = UnitDecimalField(
        "Weight", unit="kg", min_value="20", max_value="350", plausible=("40", "150"), decimal_places=1
    )
    systolic = UnitIntegerField("Systolic pressure", unit="mmHg", min_value=40, max_value=300)
    started_at = LocalDateTimeField("Pump start", nudges=True, hint="Clinic time, as shown on the pump")
    birth_date = ClinicalDateField("Date of birth", required=False)
    escort = forms.ChoiceField(
        label="Who takes the patient home",
        widget=Radios,
        choices=[("adult", "A named adult, phoned"), ("transport", "Licensed transport"), ("stay", "Stays")],
    )
    checks = forms.MultipleChoiceField(
        label="Seen today",
        widget=Checkboxes,
        required=False,
        choices=[("line", "Line is patent"), ("fasting", "Fasting confirmed"), ("id", "Identity read out")],
    )
    reason = forms.ChoiceField(
        label="Reason for the delay",
        help_text="Needed when the record is signed more than 30 minutes late",
        choices=[("", "Choose a reason"), ("late", "Signed later than observed"), ("other", "Other")],
    )
    note = ClinicalTextField("Note", rows=3, required=False)
    agreed = forms.BooleanField(label="I have read back patient, code and dose")


def _window_rows() -> dict[str, Any]:
    hours = timedelta(hours=1)
    axis = windowbar.build_axis(NOW - 30 * hours, NOW + 114 * hours, now=NOW, zone=ZONE)
    rows = []
    for name, started, note in (
        ("Patient A", NOW - 5 * hours, "Therapy from Tue 15:29, estimate until signed"),
        ("Patient B", NOW - 29 * hours, "Open until Fri 14:10, therapy session Wed 10:30"),
        ("Patient C", NOW - 96 * hours, "Closes Wed 14:00, nothing booked"),
    ):
        ready = started + 6 * hours
        phases = [
            windowbar.Segment("no-therapy", started, ready, "No-therapy period"),
            windowbar.Segment("waiting", ready, ready + 16 * hours, "Rest and sleep first"),
            windowbar.Segment("practice", ready + 16 * hours, ready + 24 * hours, "Practice"),
            windowbar.Segment("core", ready + 24 * hours, ready + 96 * hours, "Core"),
            windowbar.Segment("tail", ready + 96 * hours, ready + 336 * hours, "Tail to day 14"),
        ]
        marks = [windowbar.Mark("target", ready + 24 * hours, "Target")]
        if name == "Patient B":
            marks.append(windowbar.Mark("therapy", NOW + 20 * hours, "Therapy session Wed 10:30"))
        rows.append(
            {"name": name, "note": note, "bar": windowbar.build_bar(axis, phases, marks=marks, summary=note)}
        )
    return {"axis": axis, "rows": rows}


def _curve(minute: float, scale: float) -> float:
    """A made-up rise and fall, for the look of the chart only."""
    if minute <= 40:
        return scale * 160 * (1 - math.exp(-minute / 18)) / (1 - math.exp(-40 / 18))
    return scale * (95 * math.exp(-(minute - 40) / 35) + 65 * math.exp(-(minute - 40) / 190))


def _level_chart() -> charts.Chart:
    minutes = list(range(0, 481, 6))
    hours = [(minute, f"{9 + minute // 60}:00") for minute in range(0, 481, 60)]
    return charts.build_chart(
        charts.ChartSpec(
            key="level",
            title="Predicted ketamine level",
            description="Below 20 ng/mL from 12:50 in the middle case, from 15:29 in the late case.",
            x=charts.AxisSpec(0, 480, hours, "Clinic time"),
            y=charts.AxisSpec(0, 220, [(v, str(v)) for v in range(0, 221, 40)], "Plasma ketamine, ng/mL"),
            table=charts.Table(
                ["Time", "Low", "Middle", "High"],
                [
                    [
                        f"{9 + m // 60}:{m % 60:02d}",
                        f"{_curve(m, 0.74):.0f}",
                        f"{_curve(m, 1):.0f}",
                        f"{_curve(m, 1.3):.0f}",
                    ]
                    for m in range(0, 481, 60)
                ],
            ),
            bands=[
                charts.Band(
                    [(m, _curve(m, 0.74), _curve(m, 1.3)) for m in minutes], "5 to 95 of 100 patients"
                )
            ],
            lines=[charts.Line([(m, _curve(m, 1)) for m in minutes], "Predicted, middle case")],
            spans=[
                charts.Span(0, 40, "infusion", "Infusion"),
                charts.Span(40, 389, "no-therapy", "No-therapy period"),
            ],
            rules=[charts.Rule(20, "20 ng/mL")],
            events=[
                charts.Event(307, "Now 14:07", "now"),
                charts.Event(389, "Therapy from 15:29", "therapy"),
            ],
        )
    )


def _vitals_chart() -> charts.Chart:
    systolic = [(0, 128), (10, 141), (20, 152), (30, 158), (40, 149), (60, 138), (80, 131), (100, 126)]
    diastolic = [(0, 82), (10, 88), (20, 94), (30, 97), (40, 92), (60, 86), (80, 84), (100, 80)]
    return charts.build_chart(
        charts.ChartSpec(
            key="vitals",
            title="Blood pressure",
            description="Highest 158/97 at 30 minutes, back within the starting range at 80 minutes.",
            x=charts.AxisSpec(0, 120, [(m, f"{m}") for m in range(0, 121, 20)], "Minutes from pump start"),
            y=charts.AxisSpec(40, 200, [(v, str(v)) for v in range(40, 201, 40)], "mmHg"),
            table=charts.Table(
                ["Minute", "Systolic", "Diastolic"],
                [[str(m), str(s), str(d)] for (m, s), (_, d) in zip(systolic, diastolic, strict=True)],
            ),
            dots=[
                charts.Dots(systolic, "Systolic, measured", "a", joined=True),
                charts.Dots(diastolic, "Diastolic, measured", "b", joined=True),
            ],
            spans=[charts.Span(0, 40, "infusion", "Infusion")],
            rules=[charts.Rule(180, "Stop rule 180 mmHg", "stop")],
        )
    )


def _timeline() -> list[dict[str, Any]]:
    minute = timedelta(minutes=1)
    arrived, started, stopped = NOW - 320 * minute, NOW - 307 * minute, NOW - 267 * minute
    return [
        {"title": "Checked in", "at": arrived, "text": "Weight 70.2 kg, fasting", "icon": "user-check"},
        {"title": "Pump started", "at": started, "text": "35 mg over 40 min, chair 2", "icon": "syringe"},
        {"title": "Pump stopped", "at": stopped, "text": "35.1 mg given", "icon": "circle-stop"},
        {
            "title": "Ready to leave",
            "at": NOW,
            "state": "now",
            "chip": "Waiting for sign-off",
            "tone": "pending",
        },
        {
            "title": "Therapy may begin",
            "at": NOW + 82 * minute,
            "state": "next",
            "text": "Estimate until signed",
        },
    ]


def _patient() -> dict[str, Any]:
    banner = {
        "name": "Almeida, Rosa",
        "birth_date": date(1984, 3, 9),
        "age": 42,
        "mrn": "00418-2",
        "code": "7c1e4a90-0000-4000-8000-000000000000",
        "alerts": [{"text": "Penicillin allergy", "tone": "warning"}],
        "chips": [{"word": "Infusion visit 3 of 6", "tone": "info"}],
        "facts": [("Weight", "70.2 kg")],
    }
    facts = [
        ("Ordered dose", "35 mg"),
        {"label": "Given", "value": "35.1 mg", "note": "from the pump log"},
        ("Infused over", "40 min"),
        ("Protocol", "Standard, version 3"),
    ]
    tabs = [
        {"label": "Course", "url": "#course", "current": True},
        {"label": "Scores", "url": "#scores", "count": 4},
        {"label": "Messages", "url": "#messages", "count": 2},
    ]
    return {"banner": banner, "facts": facts, "tabs": tabs}


def _visits() -> list[dict[str, Any]]:
    rows = (
        (-7, "Signed", "success"),
        (-4, "Signed", "success"),
        (0, "Waiting for sign-off", "pending"),
        (3, "Booked", "info"),
    )
    return [
        {
            "number": number,
            "at": NOW + timedelta(days=days),
            "dose": "35 mg",
            "chip": (word, tone),
            "attention": tone == "pending",
        }
        for number, (days, word, tone) in enumerate(rows, start=1)
    ]


WRONG = {"weight_kg": "154", "systolic": "7_0", "started_at": "2027-03-28T02:30"}


def sample_context(page_number: str | int = 1, data: Any = None) -> dict[str, Any]:
    """Everything the style guide shows; `data` is what was typed into its form."""
    return {
        "now": NOW,
        "soon": NOW + timedelta(minutes=82),
        "window": _window_rows(),
        "level": _level_chart(),
        "vitals": _vitals_chart(),
        "timeline": _timeline(),
        "visits": _visits(),
        "page_obj": Paginator(range(142), 12).get_page(page_number),
        "sample_form": SampleForm(initial={"started_at": NOW, "weight_kg": "70.2"}, zone=ZONE),
        "error_form": SampleForm(data or WRONG, zone=ZONE, auto_id="bad_%s"),
        **_patient(),
    }


@require_http_methods(["GET", "POST"])
def styleguide(request: HttpRequest) -> HttpResponse:
    """The style guide page; it does not exist (404) in a clinic's installation."""
    if not (settings.DEBUG or getattr(settings, "IS_DEMO", False)):
        raise Http404
    data = request.POST if request.method == "POST" else None
    return render(request, "staff/styleguide.html", sample_context(request.GET.get("page", 1), data))
