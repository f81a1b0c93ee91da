"""What the apps above may want to answer, inside the sender's transaction."""

from __future__ import annotations

from django.dispatch import Signal

# sender: Patient; patient, by (User), at (aware). Sent once, when a death is recorded.
patient_died = Signal()
# sender: Patient; patient, changed (names among time_zone and jurisdiction), by (User), at (aware).
patient_moved = Signal()
# sender: Patient; patient, by (User, None for a patient's own link), at (aware). How the patient or the escort may be
# written to has changed: an address may be used now or no more, or hours and holds are others.
contacts_changed = Signal()
# sender: Patient; patient, by (User), at (aware). Who treats outside the clinic, or what they may be told, has changed.
external_changed = Signal()
