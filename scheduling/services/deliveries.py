"""What providers report back: delivered, or not; and patients who answer STOP. Reports may come twice, late, in
any order or never; each changes a message at most once, and "not delivered" is the last word.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from django.db import transaction
from django.urls import reverse

from patients.models import ContactPoint
from patients.services.contacts import opt_out, suspend
from scheduling.models import Message, ProviderReport, WorkItem
from scheduling.services.messages import sync_patient
from scheduling.services.workitems import raise_item
from staff import roles
from staff.clock import app_now
from staff.fields import blind_indexes
from staff.history import acting
from staff.locks import lock

DELIVERED, FAILED = Message.Delivery.DELIVERED, Message.Delivery.FAILED
KEEP_TOKENS = timedelta(days=2)
STOP_WORDS = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "optout", "revoke"})


@transaction.atomic
def report_delivery(
    *, provider_id: str, delivered: bool, bad_address: bool = False, at: datetime | None = None
) -> Message | None:
    """Write down what became of a sent message. None when no message has this provider id (not ours).

    `bad_address`: the provider says that this address cannot be reached at all; it is not used again until
    somebody has verified it anew.
    """
    found = Message.objects.filter(provider_id=provider_id[:120]).first() if provider_id else None
    if found is None:
        return None
    lock(patients=[found.patient_id])
    row: Message = (
        Message.objects.select_for_update(of=["self"])
        .select_related("patient__site", "follow_up__site", "appointment__site", "contact_point")
        .get(pk=found.pk)
    )
    wanted, now = DELIVERED if delivered else FAILED, at or app_now()
    if row.delivery == wanted or row.delivery == FAILED:
        return row
    with acting(None):
        row.delivery, row.delivery_at = wanted, now
        if row.state == Message.State.UNKNOWN and delivered:
            row.state, row.sent_at = Message.State.SENT, now
        row.save(update_fields=["delivery", "delivery_at", "state", "sent_at"])
        if not delivered:
            _not_delivered(row, bad_address, now)
    return row


def _not_delivered(row: Message, bad_address: bool, now: datetime) -> None:
    if bad_address:
        suspend(contact_point=row.contact_point, at=now)
        sync_patient(row.patient, at=now)
    cause = row.follow_up or row.appointment
    raise_item(
        kind=WorkItem.Kind.MESSAGE_FAILED, key=str(row.code), site=cause.site if cause else row.patient.site,
        patient=row.patient, title=f"Not delivered: {row.get_channel_display().lower()}", role=roles.NURSE,
        detail="The provider reports that it did not arrive."
        + (" The address is not used until it is verified again." if bad_address else ""),
        url=reverse("message_list"), due_at=now, at=now,
    )  # fmt: skip


@transaction.atomic
def stop_by_report(*, provider_id: str, at: datetime | None = None) -> bool:
    """The provider says that the recipient of this message wants no more (unsubscribed, or called it unwanted)."""
    found = Message.objects.filter(provider_id=provider_id[:120]).first() if provider_id else None
    if found is None:
        return False
    lock(patients=[found.patient_id])
    point, now = ContactPoint.objects.get(pk=found.contact_point_id), at or app_now()
    if point.opted_out_at is None:
        opt_out(contact_point=point, by=None, at=now)
        sync_patient(found.patient, at=now)
    return True


def first_time(*, source: str, token: str, body: bytes) -> bool:
    """Whether this signed report may be taken: its token is new, or it is the very same report again.

    A signature that covers only its token could be put under another text; so a token belongs to the first text
    that came with it. Tokens are kept for KEEP_TOKENS; older reports are refused by their age.
    """
    digest, now = hashlib.sha256(body).hexdigest(), app_now()
    key = f"{source}:{hashlib.sha256(token.encode()).hexdigest()}"
    ProviderReport.objects.filter(received_at__lt=now - KEEP_TOKENS).delete()
    fresh = ProviderReport(key=key, body_sha256=digest, received_at=now)
    ProviderReport.objects.bulk_create([fresh], ignore_conflicts=True)
    return ProviderReport.objects.filter(key=key, body_sha256=digest).exists()


@transaction.atomic
def stop_by_reply(*, number: str, text: str, at: datetime | None = None) -> int:
    """STOP by text message ends messages to that number, whoever's it is. Returns how many addresses stopped."""
    if text.strip().strip(".!").lower() not in STOP_WORDS:
        return 0
    now = at or app_now()
    points = list(
        ContactPoint.objects.filter(
            channel="sms", address_index__in=blind_indexes(number), opted_out_at__isnull=True
        )
        .select_related("patient")
        .order_by("patient_id")
    )
    lock(patients=[point.patient_id for point in points])
    for point in points:
        opt_out(contact_point=point, by=None, at=now)
        sync_patient(point.patient, at=now)
    return len(points)
