"""`/api/v1/handovers/`: a patient offered to a colleague is taken, with what is open."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from scheduling.services import nursing
from sessions.access import get_handover_for, get_infusion_for
from sessions.models import Handover
from sessions.pages.record import read_record
from sessions.serializers_day import HandoverTakenSerializer
from staff.api import ServiceViewSet
from staff.clock import app_now


class HandoverViewSet(ServiceViewSet):
    """A patient offered to a colleague."""

    serializer_class = HandoverTakenSerializer
    queryset = Handover.objects.none()

    @extend_schema(request=None, responses=HandoverTakenSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, code: str) -> Response:
        """Take the patient with what is open now. `over_capacity` warns that it is more than one nurse is planned for.

        403 for anybody else than the nurse who was asked, 409 when the offer was taken back.
        """
        handover = get_handover_for(self.user, code)
        infusion = get_infusion_for(self.user, str(handover.infusion.code), action="infusion.record")
        items = [item.text for item in read_record(infusion, app_now()).open_items]
        taken = nursing.accept(handover=handover, by=self.user, open_items=items)
        return Response(HandoverTakenSerializer(taken).data)
