"""Routes of the whole project; each app keeps its own."""

from __future__ import annotations


urlpatterns: list = []
