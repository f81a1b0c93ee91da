"""Routes of the follow-through: queue, windows, follow-ups, messages, work list, probes."""

from __future__ import annotations

from django.urls import path

from scheduling import health
from scheduling.views import (
    alerts,
    chair_day,
    cover,
    day,
    duty,
    follow_ups,
    held,
    hooks,
    messages,
    outcomes,
    patient_links,
    queue,
    timeline,
    work,
)

urlpatterns = [
    path("queue/", queue.therapist_queue, name="therapist_queue"),
    path("windows/<uuid:code>/", queue.window_detail, name="window_detail"),
    path("windows/<uuid:code>/take/", queue.window_claim, name="window_claim"),
    path("windows/<uuid:code>/give-back/", queue.window_release, name="window_release"),
    path("follow-ups/<uuid:code>/book/", follow_ups.follow_up_book, name="follow_up_book"),
    path("follow-ups/<uuid:code>/start/", follow_ups.follow_up_start, name="follow_up_start"),
    path("follow-ups/<uuid:code>/complete/", follow_ups.follow_up_complete, name="follow_up_complete"),
    path("follow-ups/<uuid:code>/cancel/", follow_ups.follow_up_cancel, name="follow_up_cancel"),
    path("follow-ups/<uuid:code>/done/", follow_ups.follow_up_done, name="follow_up_done"),
    path("follow-ups/<uuid:code>/declined/", follow_ups.follow_up_decline, name="follow_up_decline"),
    path("follow-ups/<uuid:code>/not-done/", follow_ups.follow_up_not_done, name="follow_up_not_done"),
    path("follow-ups/<uuid:code>/not-fit/", follow_ups.follow_up_not_fit, name="follow_up_not_fit"),
    path("follow-ups/<uuid:code>/fit/", follow_ups.follow_up_fit, name="follow_up_fit"),
    path("follow-ups/<uuid:code>/undo/", follow_ups.follow_up_undo, name="follow_up_undo"),
    path("queue/cover/", cover.absence_cover, name="absence_cover"),
    path(
        "series/<uuid:code>/follow-ups/",
        follow_ups.series_follow_ups_fragment,
        name="series_follow_ups_fragment",
    ),
    path(
        "patients/<uuid:code>/follow-ups/",
        follow_ups.patient_follow_ups_fragment,
        name="patient_follow_ups_fragment",
    ),
    path(
        "patients/<uuid:code>/outcomes/", outcomes.patient_outcomes_fragment, name="patient_outcomes_fragment"
    ),
    path("patients/<uuid:code>/timeline/", timeline.patient_timeline_page, name="patient_timeline"),
    path("messages/", messages.message_list, name="message_list"),
    path("messages/<uuid:code>/", messages.message_detail, name="message_detail"),
    path("messages/<uuid:code>/retry/", messages.message_retry, name="message_retry"),
    path("messages/<uuid:code>/acknowledge/", messages.message_acknowledge, name="message_acknowledge"),
    path("messages/<uuid:code>/call/", messages.message_call, name="message_call"),
    path("messages/held/", held.held_decide, name="held_decide"),
    path("messages/<uuid:code>/held/", held.held_one, name="held_one"),
    path("duty/", duty.duty_roster, name="duty_roster"),
    path("duty/<uuid:code>/cancel/", duty.duty_cancel, name="duty_cancel"),
    path("alerts/", alerts.alert_list, name="alert_list"),
    path("alerts/<uuid:code>/", alerts.alert_detail, name="alert_detail"),
    path("alerts/<uuid:code>/confirm/", alerts.alert_confirm, name="alert_confirm"),
    path("open-loops/", alerts.open_loops, name="open_loops"),
    path("p/<str:token>/", patient_links.patient_link, name="patient_link"),
    path("webhooks/email/", hooks.email_events, name="hook_email"),
    path("webhooks/sms/", hooks.sms_events, name="hook_sms"),
    path("webhooks/twilio/status/", hooks.twilio_status, name="hook_twilio_status"),
    path("webhooks/twilio/reply/", hooks.twilio_reply, name="hook_twilio_reply"),
    path("outbox/", messages.outbox, name="outbox"),
    path("infusions/<uuid:code>/next-steps/", chair_day.infusion_next_steps, name="infusion_next_steps"),
    path("infusions/<uuid:code>/duty/", chair_day.infusion_duty, name="infusion_duty"),
    path("infusions/<uuid:code>/handover/", chair_day.infusion_handover, name="infusion_handover"),
    path("handovers/<uuid:code>/accept/", chair_day.handover_accept, name="handover_accept"),
    path("day-sheet/", day.day_sheet, name="day_sheet"),
    path("close-the-day/", day.day_close, name="day_close"),
    path("work/", work.work_list, name="work_list"),
    path("work/<uuid:code>/", work.work_resolve, name="work_resolve"),
    path("healthz/live", health.live, name="healthz_live"),
    path("healthz/ready", health.ready, name="healthz_ready"),
]
