"""Routes of planning, visits, the boards and the resources."""

from __future__ import annotations

from django.urls import path

from scheduling.views import (
    board,
    clinic_plan,
    compromises,
    course_reviews,
    imports,
    late,
    moves,
    pinned,
    plan,
    preview,
    replan,
    resources,
    series,
    switches,
    utilisation,
    version_moves,
    visits,
    waitlist,
)

urlpatterns = [
    path("board/", board.chair_board, name="chair_board"),
    path("week/", board.week, name="week"),
    path("week/limits/", board.week_limits, name="week_limits"),
    path("patients/<uuid:code>/plan/", plan.series_plan, name="series_plan"),
    path("patients/<uuid:code>/extra-infusion/", series.infusion_extra, name="infusion_extra"),
    path(
        "patients/<uuid:code>/schedule/", series.patient_schedule_fragment, name="patient_schedule_fragment"
    ),
    path("series/<uuid:code>/", series.series_detail, name="series_detail"),
    path("series/<uuid:code>/version/", version_moves.series_version, name="series_version"),
    path("series/<uuid:code>/switch/", switches.series_switch, name="series_switch"),
    path("series/<uuid:code>/review/", course_reviews.course_review, name="course_review"),
    path("series/<uuid:code>/longer-gap/", series.series_long_gap, name="series_long_gap"),
    path("series/<uuid:code>/pause/", series.series_pause, name="series_pause"),
    path("series/<uuid:code>/end/", series.series_end, name="series_end"),
    path("series/<uuid:code>/infusions/<int:ordinal>/date/", series.infusion_rebook, name="infusion_rebook"),
    path("series/<uuid:code>/infusions/<int:ordinal>/skip/", series.infusion_skip, name="infusion_skip"),
    path("visits/<uuid:code>/", visits.visit_detail, name="visit_detail"),
    path("visits/<uuid:code>/check-in/", visits.visit_check_in, name="visit_check_in"),
    path("visits/<uuid:code>/move/", moves.visit_move, name="visit_move"),
    path("visits/<uuid:code>/undo/<int:version>/", moves.visit_undo_move, name="visit_undo_move"),
    path("visits/<uuid:code>/late/", late.visit_late, name="visit_late"),
    path("visits/<uuid:code>/history/", moves.visit_history, name="visit_history"),
    path("visits/<uuid:code>/postpone/", visits.visit_cancel, name="visit_cancel"),
    path("visits/<uuid:code>/skip/", visits.visit_omit, name="visit_omit"),
    path("visits/<uuid:code>/not-attended/", visits.visit_no_show, name="visit_no_show"),
    path("protocols/<slug:slug>/series/", pinned.protocol_series, name="protocol_series"),
    path("protocols/<slug:slug>/v/<int:number>/preview/", preview.protocol_preview, name="protocol_preview"),
    path("clinic-plan/", clinic_plan.clinic_plan_list, name="clinic_plan_list"),
    path("clinic-plan/<uuid:code>/", clinic_plan.clinic_plan_detail, name="clinic_plan_detail"),
    path("clinic-plan/<uuid:code>/stop/", clinic_plan.clinic_plan_stop, name="clinic_plan_stop"),
    path("clinic-plan/<uuid:code>/accept/", clinic_plan.clinic_plan_accept, name="clinic_plan_accept"),
    path("resources/", resources.resource_list, name="resource_list"),
    path("resources/<uuid:code>/", resources.resource_detail, name="resource_detail"),
    path("resources/<uuid:code>/hours/", resources.resource_hours, name="resource_hours"),
    path("resources/<uuid:code>/absences/", resources.resource_absence, name="resource_absence"),
    path("resources/<uuid:code>/absences/end/", resources.resource_absence_end, name="resource_absence_end"),
    path("import/", imports.booking_import, name="booking_import"),
    path("waitlist/", waitlist.waitlist, name="waitlist"),
    path("waitlist/<uuid:code>/accept/", waitlist.waitlist_act, {"verb": "accept"}, name="waitlist_accept"),
    path(
        "waitlist/<uuid:code>/decline/", waitlist.waitlist_act, {"verb": "decline"}, name="waitlist_decline"
    ),
    path(
        "waitlist/<uuid:code>/withdraw/",
        waitlist.waitlist_act,
        {"verb": "withdraw"},
        name="waitlist_withdraw",
    ),
    path("series/<uuid:code>/infusions/<int:ordinal>/waitlist/", waitlist.waitlist_add, name="waitlist_add"),
    path("utilisation/", utilisation.utilisation_page, name="utilisation"),
    path("compromises/", compromises.compromises_page, name="compromises"),
    path("replan/", replan.replan, name="replan"),
    path("closures/end/", resources.closure_end, name="closure_end"),
]
