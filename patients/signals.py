"""What the apps above may want to answer, inside the sender's transaction."""

from __future__ import annotations

from django.dispatch import Signal

# sender: Patient; patient, by (User), at (aware). Sent once, when a death is recorded.
patient_died = Signal()
# sender: Patient; patient, changed (names among time_zone and jurisdiction), by (User), at (aware).
patient_moved = Signal()
