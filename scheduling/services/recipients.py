"""To which address a patient's messages go, and to which the escort's."""

from __future__ import annotations

from patients.contact import ContactOption, NoContact, choose_channel
from patients.models import ContactPoint, ExternalTherapist, Patient
from patients.services.contacts import OF_OTHERS


def contact_of(patient: Patient) -> ContactPoint | NoContact:
    """Where the patient's messages go: the address used first, else one of the patient's own, else one of who
    represents them, unless the patient has opted out of an own address. An escort's or an external therapist's never.
    """
    found = list(ContactPoint.objects.filter(patient=patient).exclude(whose__in=OF_OTHERS))
    own = [point for point in found if point.preferred or point.whose == ContactPoint.Whose.PATIENT]
    chosen = _chosen(own)
    if isinstance(chosen, NoContact) and not any(point.opted_out_at for point in own):
        return _chosen(found)
    return chosen


def _chosen(found: list[ContactPoint]) -> ContactPoint | NoContact:
    points = {str(point.code): point for point in found}
    options = [
        ContactOption(
            code=code,
            channel=point.channel,  # type: ignore[arg-type]  # its choices are these two
            verified=point.verified_at is not None,
            consented=point.consented_at is not None,
            opted_out=point.opted_out_at is not None,
            rank=0 if point.preferred else 1,
        )
        for code, point in points.items()
    ]
    preferred = next((option.channel for option in options if option.rank == 0), None)
    chosen = choose_channel(options, preferred)
    return chosen if isinstance(chosen, NoContact) else points[chosen.code]


def escort_of(patient: Patient) -> ContactPoint | None:
    """Where the adult who takes the patient home wants to be reminded: the address agreed to last. None without one."""
    points = ContactPoint.objects.filter(patient=patient, whose=ContactPoint.Whose.ESCORT).order_by("-pk")
    return next((point for point in points if point.usable), None)


def contact_of_external(patient: Patient, therapist: ExternalTherapist | int) -> ContactPoint | NoContact:
    """Where the patient's external therapist is written to: verified, agreed to, not opted out; e-mail first."""
    pk = therapist if isinstance(therapist, int) else therapist.pk
    points = list(
        ContactPoint.objects.filter(patient=patient, external_therapist=pk).order_by("channel", "pk")
    )
    return _chosen(points)
