"""Everything clinical has a history from its first row; what has none says why."""

from __future__ import annotations

from django.apps import apps

OURS = ("staff", "patients", "protocols", "treatment_sessions", "scheduling")
ONCE, WORK = (
    "is itself a record: one row per act, never changed",
    "holds no decision: what the machinery remembers",
)
WITHOUT = {
    "staff.ClockOffset": WORK,
    "staff.DatabaseEnvironment": WORK,
    "staff.IdempotencyRecord": WORK,
    "scheduling.ChannelPause": WORK,
    "scheduling.DatabaseMark": WORK,
    "scheduling.DaySheet": WORK,
    "scheduling.FreedSlot": WORK,
    "scheduling.Heartbeat": WORK,
    "scheduling.PatientSpan": "written by triggers from rows that have a history",
    "scheduling.ProviderReport": WORK,
    "scheduling.DayClosing": ONCE,
    "scheduling.GapException": ONCE,
    "scheduling.ScheduleChange": ONCE,
    "scheduling.SeriesSwitch": ONCE,
    "scheduling.SeriesVersionMove": ONCE,
    "scheduling.SpacingDecision": ONCE,
    "scheduling.VisitChange": ONCE,
    "treatment_sessions.PrivateNote": ONCE,
    "treatment_sessions.PrivateNoteReading": ONCE,
}


def test_every_table_of_ours_has_a_history_or_a_reason():
    tracked = {
        model.pgh_tracked_model._meta.concrete_model
        for model in apps.get_models()
        if hasattr(model, "pgh_tracked_model")
    }
    untracked = {
        model._meta.label
        for name in OURS
        for model in apps.get_app_config(name).get_models()
        if not model._meta.proxy and model not in tracked and not hasattr(model, "pgh_tracked_model")
    }
    assert untracked == set(WITHOUT)
