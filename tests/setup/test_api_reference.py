"""The page of the API says what the OpenAPI document says."""

from __future__ import annotations

import re

import pytest

from config.api_reference import document, groups, shapes

pytestmark = pytest.mark.django_db


def test_every_operation_and_shape_is_on_the_page(client):
    html = client.get("/api/docs/").content.decode()
    operations = {one.id for _, rows in groups() for one in rows}
    assert len(operations) == sum(len(item) for item in document()["paths"].values())
    assert operations == set(re.findall(r'<details class="disclosure" id="([^"]+)"', html))
    assert {shape.name for shape in shapes()} == set(re.findall(r'id="shape-([^"]+)"', html))


def test_links_to_shapes_lead_somewhere(client):
    html = client.get("/api/docs/").content.decode()
    assert set(re.findall(r'href="#shape-([^"]+)"', html)) <= set(re.findall(r'id="shape-([^"]+)"', html))


def test_fields_say_kind_choices_and_need():
    fields = {
        field.name: field
        for shape in shapes()
        if shape.name == "VitalsCreateRequest"
        for field in shape.fields
    }
    fields |= {
        field.name: field
        for _, rows in groups()
        for one in rows
        for field in one.body
        if "vitals" in one.path
    }
    assert fields["systolic"].required
    assert fields["systolic"].kind == "whole number"


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_nothing_is_sent_to_it(client, method):
    assert getattr(client, method)("/api/docs/").status_code == 405
