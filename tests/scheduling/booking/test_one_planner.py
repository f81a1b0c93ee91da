"""The plan page, the optimiser and the command `plan_instance` give one loaded clinic the same answer.

The clinic is read from rows as the page reads it; the very same setting is then written as an instance file for the
command, and scored by a program that knows nothing of the planner.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from protocols.definition import Elapsed, StaffPhase
from scheduling.domain.clinic_plan import plan_clinic
from scheduling.domain.planner import plan_series
from scheduling.domain.series_build import Setting, build
from scheduling.domain.series_types import Resource, SeriesRequest
from scheduling.services import clinic_plans
from tests.scheduling.booking.helpers import book, local, six
from tests.scheduling.booking.test_clinic_plans import people, start
from tests.scheduling.domain.scorer import score
from tests.scheduling.domain.test_plan_instance import finish
from tests.scheduling.domain.test_plan_instance import start as start_command

pytestmark = pytest.mark.django_db
HOUR = 60


def plain(definition: Any) -> Any:
    """The same text with what the file format can say: therapy at elapsed hours, staff for the whole stay."""
    rules = tuple(
        replace(
            rule,
            earliest=Elapsed(10 * HOUR),
            target=Elapsed(20 * HOUR),
            latest=Elapsed(40 * HOUR),
            hard_latest=Elapsed(58 * HOUR),
            after_night=False,
        )
        for rule in definition.follow_ups
        if rule.therapy and rule.scope == "each_infusion" and len(rule.repeat_days) == 1
    )
    whole = tuple(StaffPhase(role, 0, definition.chair_minutes) for role in ("nurse", "clinician"))
    return replace(definition, follow_ups=rules[:1], staffing=whole)


def as_instance(settings: tuple[Setting, ...]) -> dict[str, Any]:
    """The settings of one clinic in the form of schema `ketamine-series/1`."""
    grid, request = settings[0].grid, settings[0].request
    days = -(-grid.count // 96)

    def spans(items: Any, cut: Any) -> list[list[int]]:
        return [[low, high] for low, high in map(cut, items) if low < high]

    def duty(items: tuple[Resource, ...], name: str, taken: str) -> list[dict[str, Any]]:
        return [
            {
                "id": item.code,
                "capacity": item.capacity,
                name: spans(item.free, grid.inside),
                taken: spans(item.busy, grid.touched),
            }
            for item in items
        ]

    weights = request.weights
    return {
        "schema": "ketamine-series/1", "name": "loaded", "slots_per_day": 96, "horizon_days": days,
        "open": spans(request.site_open, grid.inside),
        "chairs": [{"id": item["id"], "busy": item["busy"]} for item in duty(request.chairs, "duty", "busy")],
        "nurses": duty(request.nurses, "shifts", "load"),
        "prescribers": duty(request.prescribers, "shifts", "load"),
        "therapists": duty(request.therapists, "hours", "busy"),
        "patients": [_patient(setting, days) for setting in settings],
        "weights": {
            "unplanned": weights.unplanned, "missing": weights.missing_session, "wait_day": weights.wait_day,
            "gap_hour": weights.gap_hour, "pref": weights.preference, "prescriber": weights.prescriber,
            "therapist": weights.therapist, "late_hour": weights.late_hour, "peak": weights.peak,
        },
    }  # fmt: skip


def _patient(setting: Setting, days: int) -> dict[str, Any]:
    request, case = setting.request, setting.case
    (phase,) = request.definition.phases
    (spec,) = case.inner
    ends = case.starts + setting.stay
    offsets = [np.unique(part - ends).tolist() for part in (spec.opens, spec.closes, spec.prime)]
    assert all(len(item) == 1 for item in offsets)
    always = [[0, days * 96]]
    return {
        "id": case.key, "priority": request.priority, "release": setting.grid.ceil(request.earliest),
        "n_infusions": request.definition.visits, "stay": setting.stay,
        "turnover": case.chair_length - setting.stay, "gap_min": phase.gap_min_hours * 4,
        "gap_max": phase.gap_max_hours * 4, "gap_target": phase.gap_target_hours * 4, "lead": case.lead,
        "available": always, "session_available": always, "preferred": always,
        "prescriber": request.own_prescriber, "therapists": [item.code for item in request.therapists],
        "sessions": [{"open": offsets[0][0], "close": offsets[1][0], "prime": offsets[2][0], "slots": spec.length}],
    }  # fmt: skip


@pytest.fixture
def asked(clinic) -> list[SeriesRequest]:
    """What the page would ask for two patients of a clinic with a series booked already, after the clocks changed."""
    book(clinic, visits=six(clinic, first_day=12), patient=people(clinic, 2)[1])
    run = start(clinic, people(clinic, 2), first_day=local(clinic, 10).date())
    entries = list(run.entries.select_related("patient__site", "patient__therapist", "patient__prescriber"))
    return [
        replace(request, definition=plain(request.definition), patient_busy=())
        for request in clinic_plans.requests_of(run, entries, clinic.now)
    ]


def command(tmp_path: Path, data: dict[str, Any], *extra: str) -> dict[str, Any]:
    path = tmp_path / "loaded.json"
    path.write_text(json.dumps(data))
    status, out, err = finish(start_command(str(path), *extra))
    assert status == 0, err
    return json.loads(out)


def test_one_patient_by_page_optimiser_and_command(asked, tmp_path):
    for request in asked:
        page = plan_series(request)
        together = plan_clinic([request], spent=lambda: 1.0).plans[0]
        settings = build([request])
        data = as_instance(settings)
        found = command(tmp_path, data, "--patient", "0")
        bad, points = score(data, found)
        assert page.complete
        assert page == together
        assert bad == []
        assert points.total() == page.cost
        starts = [settings[0].grid.instant(item["start"]) for item in found["plans"][0]["infusions"]]
        assert starts == [visit.start for visit in page.visits]


def test_the_optimiser_counts_a_joint_plan_as_the_command_does(asked, tmp_path):
    spent = iter(range(200))
    joint = plan_clinic(asked, spent=lambda: next(spent, 200) / 200)
    settings = build(asked)
    data = as_instance(settings)
    bad, points = score(data, command(tmp_path, data, "--seconds", "4"))
    assert bad == []
    assert joint.bound <= points.total()
    plans = [
        {
            "patient": setting.case.key,
            "infusions": [
                {
                    "start": setting.grid.floor(visit.start),
                    "chair": visit.chair,
                    "nurse": visit.nurse,
                    "prescriber": visit.prescriber,
                }
                for visit in plan.visits
            ],
            "sessions": [
                {
                    "infusion": n,
                    "index": 0,
                    "start": setting.grid.floor(item.start),
                    "therapist": item.therapist,
                }
                for n, visit in enumerate(plan.visits)
                for item in visit.therapy
            ],
        }
        for setting, plan in zip(settings, joint.plans, strict=True)
    ]
    bad, points = score(data, {"plans": plans})
    assert bad == []
    assert points.total() == joint.cost
