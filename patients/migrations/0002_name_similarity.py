"""Trigram similarity, for the alert about patients with similar names (hazard H1)."""

from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("patients", "0001_initial")]
    operations = [TrigramExtension()]
