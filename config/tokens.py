"""API tokens: for an e-mail address and a password, and for the code of the second step where there is one."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import authenticate
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.authtoken.models import Token
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from staff.api import StrictCharField, StrictSerializer, checked
from staff.errors import InvalidInput, NotAllowed
from staff.models import User
from staff.second_step import code_fits, has_one, is_required


class TokenRequestSerializer(StrictSerializer):
    """`username` is the e-mail address. `code`: from the authenticator app, or a recovery code."""

    username = StrictCharField(max_length=254)
    password = serializers.CharField(max_length=128, trim_whitespace=False, write_only=True)
    code = StrictCharField(max_length=20, required=False, default="")


class TokenSerializer(serializers.Serializer[Any]):
    """The token, to be sent as `Authorization: Token ...`."""

    token = serializers.CharField(read_only=True)


class TokenView(APIView):
    """Sign in for a token; slow on purpose."""

    authentication_classes: Any = []
    permission_classes: Any = []
    throttle_classes = [ScopedRateThrottle]
    throttle_scope = "token"

    @extend_schema(request=TokenRequestSerializer, responses=TokenSerializer)
    def post(self, request: Request) -> Response:
        """A token. 403 while the role asks for a second step that has not been set up."""
        data = checked(TokenRequestSerializer(data=request.data))
        person = authenticate(request._request, username=data["username"], password=data["password"])
        if not isinstance(person, User):
            raise InvalidInput("E-mail and password do not belong together.", code="wrong-password")
        if has_one(person):
            if not code_fits(person, data["code"]):
                raise InvalidInput("Send the code of your second step.", code="wrong-code", field="code")
        elif is_required(person):
            raise NotAllowed("Set up the second step at sign-in first.", code="second-step-missing")
        token, _ = Token.objects.get_or_create(user=person)
        return Response({"token": token.key})
