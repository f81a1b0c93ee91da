"""The only ways for a view or an endpoint to get hold of a window, a follow-up, a message or an item."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from scheduling.models import DutyShift, FollowUp, Message, PlasticityWindow, StaffAlert, WorkItem
from staff.access import fetch_for
from staff.models import User

WITH_WINDOW = (
    "patient__site",
    "series__protocol_version__template",
    "claimed_by",
    "infusion__site",
    "infusion__protocol_version",
)
WITH_FOLLOW_UP = (
    "patient__site",
    "site",
    "series__protocol_version__template",
    "infusion__protocol_version",
    "visit",
    "assignee",
    "appointment__practitioner",
    "appointment__integration",
    "outside",
    "report__therapist",
)


def get_window_for(user: User, code: UUID | str, *, action: str = "queue.view") -> PlasticityWindow:
    """The window with this code, superseded or not. Raises PermissionDenied (403) or Http404."""
    rows = PlasticityWindow.objects.select_related(*WITH_WINDOW)
    return cast("PlasticityWindow", fetch_for(rows, user, code, action=action))


def get_follow_up_for(user: User, code: UUID | str, *, action: str = "follow_up.view") -> FollowUp:
    """The follow-up with this code. Raises PermissionDenied or Http404."""
    rows = FollowUp.objects.select_related(*WITH_FOLLOW_UP)
    return cast("FollowUp", fetch_for(rows, user, code, action=action))


def get_message_for(user: User, code: UUID | str, *, action: str = "message.view") -> Message:
    """The message with this code. Raises PermissionDenied or Http404."""
    rows = Message.objects.select_related(
        "patient__site",
        "follow_up__site",
        "appointment__site",
        "appointment__series",
        "contact_point__external_therapist",
    )
    return cast("Message", fetch_for(rows, user, code, action=action))


def get_work_item_for(user: User, code: UUID | str, *, action: str = "follow_up.view") -> WorkItem:
    """The item with this code. Raises PermissionDenied or Http404."""
    rows = WorkItem.objects.select_related("patient", "site", "owner")
    return cast("WorkItem", fetch_for(rows, user, code, action=action))


def get_shift_for(user: User, code: UUID | str, *, action: str = "duty.view") -> DutyShift:
    """The duty shift with this code. Raises PermissionDenied or Http404."""
    rows = DutyShift.objects.select_related("site", "user")
    return cast("DutyShift", fetch_for(rows, user, code, action=action))


def get_alert_for(user: User, code: UUID | str, *, action: str = "alert.act") -> StaffAlert:
    """The alert with this code. Raises PermissionDenied or Http404."""
    rows = StaffAlert.objects.select_related("site", "patient__site", "acknowledged_by")
    return cast("StaffAlert", fetch_for(rows, user, code, action=action))
