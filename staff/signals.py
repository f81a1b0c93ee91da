"""What other apps may answer when people, sites or licences change: inside the writer's transaction.

A receiver may raise a DomainError: then nothing is written. `person_left` and `licence_changed` receivers return a list
of sentences about what now waits on whose list, which the page repeats.
"""

from __future__ import annotations

from django.dispatch import Signal

# person, roles (frozenset of names), sites (list of Site), by, at: these are new for this person.
person_joined = Signal()
# person, roles, sites (list of Site), gone (bool: all access ended), by, at: these are no longer this person's.
person_left = Signal()
# person, by, at: a licence was added, ended or corrected.
licence_changed = Signal()
# site, by, at: before the zone, country or subdivision of a site changes. Receivers refuse.
site_moving = Signal()
