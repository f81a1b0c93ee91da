"""The technical admin shows and never writes, not even for its superuser: what was published stays as it is."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.urls import reverse

from protocols.models import ProtocolVersion
from staff.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client) -> User:
    user = User.objects.create_superuser(
        "operator@clinic.example", "a long pass phrase", full_name="Op Erator"
    )
    client.force_login(user)
    return user


def test_a_published_text_is_shown_and_cannot_be_changed(client, clinic, operator):
    version = clinic.version
    before = ProtocolVersion.objects.filter(pk=version.pk).values().get()
    page = reverse("admin:protocols_protocolversion_change", args=[version.pk])
    shown = client.get(page)
    assert shown.status_code == 200
    assert "_save" not in shown.content.decode()
    body = {"definition": "{}", "status": "draft", "sha256": "0" * 64, "change_note": "x", "_save": "Save"}
    listing = reverse("admin:protocols_protocolversion_changelist")
    for path, data in (
        (page, body),
        (reverse("admin:protocols_protocolversion_delete", args=[version.pk]), {"post": "yes"}),
        (reverse("admin:protocols_protocolversion_add"), body),
    ):
        assert client.post(path, data).status_code == 403, path
    client.post(listing, {"action": "delete_selected", "_selected_action": [version.pk], "post": "yes"})
    assert ProtocolVersion.objects.filter(pk=version.pk).values().get() == before


def test_every_model_of_ours_is_read_only_there(client, clinic, operator):
    labels = {"staff", "patients", "protocols", "treatment_sessions", "scheduling"}
    ours = [model for model in admin.site._registry if model._meta.app_label in labels]
    assert len(ours) > 10
    for model in ours:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        row = model._default_manager.first()
        paths = [reverse(f"{name}_add")]
        paths += [reverse(f"{name}_{verb}", args=[row.pk]) for verb in ("change", "delete")] if row else []
        for path in paths:
            assert client.post(path, {"post": "yes"}).status_code == 403, path
