"""`/api/v1/address-links/`: ask whoever has an outside therapist's address whether it is theirs."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from patients.access import get_contact_point_for
from patients.models import ContactPoint
from scheduling.services import outside_address
from staff.access import require
from staff.api import ServiceViewSet, StrictSerializer, checked


class AddressLinkCreateSerializer(StrictSerializer):
    """Which address."""

    contact_point = serializers.UUIDField()


class AddressLinkSerializer(serializers.Serializer[object]):
    """Until when the link works. The link itself goes to the address only."""

    contact_point = serializers.UUIDField(source="contact_point.code", read_only=True)
    expires_at = serializers.DateTimeField(read_only=True)


class AddressLinkViewSet(ServiceViewSet):
    """Links that verify an outside therapist's address."""

    queryset = ContactPoint.objects.none()
    serializer_class = AddressLinkSerializer

    @extend_schema(request=AddressLinkCreateSerializer, responses={201: AddressLinkSerializer})
    def create(self, request: Request) -> Response:
        """Send it now. Sent again, it is the same link for longer. 422 without a release or when it could not leave."""
        require(request.user, "patient.edit")
        data = checked(AddressLinkCreateSerializer(data=request.data))
        point = get_contact_point_for(self.user, data["contact_point"])
        made = outside_address.send_address_link(contact_point=point, by=self.user)
        return Response(AddressLinkSerializer(made).data, status=201)
