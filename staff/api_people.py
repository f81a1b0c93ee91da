"""`/api/v1/people/`, `/licences/` and `/sites/`: the same services and the same refusals as the pages. No delete.

What the pages ask the password for again, the API does, too: a role is the key to patients' records, and a stolen token
must not make new keys.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import BaseRouter

from staff import presenting, roles
from staff.access import require
from staff.access_people import get_licence_for, get_own_site_for, get_person_for, get_site_for, own_sites
from staff.api import ServiceViewSet, checked, etag, expected_version, idempotent
from staff.clock import app_now
from staff.errors import InvalidInput, StateConflict
from staff.models import Licence, Site, User
from staff.querysets_people import matching, people
from staff.serializers import (
    HandedOverSerializer,
    LicenceAnswerSerializer,
    LicenceChangeSerializer,
    LicenceCreateSerializer,
    LicenceEndSerializer,
    LicenceSerializer,
    SiteFieldsSerializer,
    SiteSerializer,
    StaffAccessSerializer,
    StaffEndSerializer,
    StaffFieldsSerializer,
    StaffInviteSerializer,
    StaffMemberSerializer,
    StaffNothingSerializer,
)
from staff.services import licences, sites
from staff.services import people as service
from staff.services.invitations import send_invitation
from staff.signing import require_password_again
from staff.views.acts import base_url

ONCE = OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER, required=True)
READ = OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, required=True)
AGAIN = "This changes who may see what: give your password again in this browser session, or use the page."


class PeopleFilter(django_filters.FilterSet):
    """By words in name, title or address, role, site (code) and state. Without state or words: who works here now."""

    q = django_filters.CharFilter(max_length=100)
    role = django_filters.ChoiceFilter(choices=list(roles.LABELS.items()))
    site = django_filters.UUIDFilter()
    state = django_filters.ChoiceFilter(choices=presenting.STATE_CHOICES)

    def filter_queryset(self, queryset: QuerySet[User]) -> QuerySet[User]:
        """All four together, as the page does."""
        data = self.form.cleaned_data
        return matching(
            queryset,
            text=data["q"] or "",
            role=data["role"] or "",
            site=str(data["site"] or ""),
            state=data["state"] or "",
        )


class PeopleViewSet(ServiceViewSet):
    """People, for those who manage the clinic. Changes need If-Match with the ETag that was read."""

    queryset = User.objects.none()  # names the model for the schema; get_queryset() decides
    serializer_class = StaffMemberSerializer
    filterset_class = PeopleFilter

    def get_queryset(self) -> QuerySet[User]:
        """Everybody of the installation."""
        return people()

    def list(self, request: Request) -> Response:
        """A page of people, newest first."""
        require(request.user, "person.manage")
        page: Any = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(StaffMemberSerializer(page, many=True).data)

    def retrieve(self, request: Request, code: str) -> Response:
        """One person, with an ETag."""
        return _person(get_person_for(self.user, code))

    @extend_schema(request=StaffInviteSerializer, responses={201: StaffMemberSerializer}, parameters=[ONCE])
    def create(self, request: Request) -> Response:
        """Make an account and send its one-time link; `invited_at` stays null while the message could not be sent.

        409: the address has an account. A repeat with the same key sends nothing a second time.
        """
        require(request.user, "person.manage")
        require_password_again(request, AGAIN)
        data = checked(StaffInviteSerializer(data=request.data))
        names, chosen = data.pop("roles"), _sites(data.pop("sites"))
        made: list[User] = []

        def act() -> Response:
            made.append(service.invite(role_names=names, sites=chosen, by=self.user, **data))
            return _person(made[0], status=201)

        answer = idempotent(request, "person-invite", act)
        if made and send_invitation(made[0], base_url(request._request), at=app_now()):
            return _person(made[0], status=201)
        return answer

    @extend_schema(request=StaffFieldsSerializer, responses=StaffMemberSerializer, parameters=[READ])
    def partial_update(self, request: Request, code: str) -> Response:
        """Change name, title, languages, and the address while nobody has signed in with it."""
        person = get_person_for(self.user, code)
        version = expected_version(request, person.code)
        changes = checked(StaffFieldsSerializer(data=request.data, partial=True))
        return _person(
            service.update_person(person=person, changes=changes, expected_version=version, by=self.user)
        )

    @extend_schema(request=StaffAccessSerializer, responses=HandedOverSerializer, parameters=[READ])
    @action(detail=True, methods=["post"])
    def access(self, request: Request, code: str) -> Response:
        """Set roles and sites. 422: the last manager stays. What loses its person goes on lists."""
        person = get_person_for(self.user, code)
        require_password_again(request, AGAIN)
        version = expected_version(request, person.code)
        data = checked(StaffAccessSerializer(data=request.data))
        outcome = service.set_access(
            person=person,
            role_names=data["roles"],
            sites=_sites(data["sites"]),
            expected_version=version,
            by=self.user,
        )
        return _person(outcome.person, handed_over=outcome.handed_over)

    @extend_schema(request=StaffEndSerializer, responses=HandedOverSerializer, parameters=[READ])
    @action(detail=True, methods=["post"])
    def end(self, request: Request, code: str) -> Response:
        """End the person's access now. Repeating it is harmless."""
        person = get_person_for(self.user, code)
        require_password_again(request, AGAIN)
        version = expected_version(request, person.code)
        data = checked(StaffEndSerializer(data=request.data))
        outcome = service.deactivate(person=person, expected_version=version, by=self.user, **data)
        return _person(outcome.person, handed_over=outcome.handed_over)

    @extend_schema(request=StaffNothingSerializer, responses=StaffMemberSerializer, parameters=[READ])
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, code: str) -> Response:
        """Let the person back in, with the roles they had and a new link. Repeating it is harmless."""
        person = get_person_for(self.user, code)
        require_password_again(request, AGAIN)
        version = expected_version(request, person.code)
        checked(StaffNothingSerializer(data=request.data))
        was_out = not person.is_active
        back = service.reactivate(person=person, expected_version=version, by=self.user)
        if was_out:
            send_invitation(back, base_url(request._request), at=app_now())
        return _person(back)

    @extend_schema(request=StaffNothingSerializer, responses=StaffMemberSerializer)
    @action(detail=True, methods=["post"])
    def invitation(self, request: Request, code: str) -> Response:
        """Send a fresh link. 409 unless the person is invited and has not chosen a password yet."""
        person = get_person_for(self.user, code)
        require_password_again(request, AGAIN)
        checked(StaffNothingSerializer(data=request.data))
        if presenting.state_of(person) != presenting.INVITED:
            raise StateConflict("Only somebody who has not signed in yet is invited.", code="not-invited")
        send_invitation(person, base_url(request._request), at=app_now())
        return _person(person)

    @extend_schema(request=StaffNothingSerializer, responses=StaffMemberSerializer)
    @action(detail=True, methods=["post"], url_path="second-step-reset")
    def second_step_reset(self, request: Request, code: str) -> Response:
        """Take away the second step of somebody who has lost it. Repeating it is harmless."""
        person = get_person_for(self.user, code)
        require_password_again(request, AGAIN)
        checked(StaffNothingSerializer(data=request.data))
        return _person(service.reset_second_step(person=person, by=self.user))


def _person(person: User, status: int = 200, *, handed_over: tuple[str, ...] | None = None) -> Response:
    """The person as stored now, with the ETag."""
    row = people().get(pk=person.pk)
    body = StaffMemberSerializer(row).data | (
        {} if handed_over is None else {"handed_over": list(handed_over)}
    )
    return Response(body, status=status, headers={"ETag": etag(row.code, row.version)})


def _sites(codes: list[UUID]) -> list[Site]:
    """The sites with these codes. Raises InvalidInput at `sites` for one that is not there."""
    found = list(Site.objects.filter(code__in=codes).order_by("pk"))
    if len(found) != len(set(codes)):
        raise InvalidInput("There is no site with this code.", code="unknown-site", field="sites")
    return found


class LicenceFilter(django_filters.FilterSet):
    """By person (code), profession and place."""

    person = django_filters.UUIDFilter(field_name="user__code")
    profession = django_filters.ChoiceFilter(choices=Licence.Profession.choices)
    jurisdiction = django_filters.CharFilter(max_length=8)


class LicenceViewSet(ServiceViewSet):
    """Licences to practise, for those who manage the clinic. Never deleted: ended or corrected."""

    queryset = Licence.objects.none()
    serializer_class = LicenceSerializer
    filterset_class = LicenceFilter

    def get_queryset(self) -> QuerySet[Licence]:
        """Everybody's."""
        return Licence.objects.select_related("user")

    def list(self, request: Request) -> Response:
        """A page of licences, newest first."""
        require(request.user, "person.manage")
        page: Any = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(LicenceSerializer(page, many=True).data)

    def retrieve(self, request: Request, code: str) -> Response:
        """One licence, with an ETag."""
        return _licence(get_licence_for(self.user, code))

    @extend_schema(
        request=LicenceCreateSerializer, responses={201: LicenceAnswerSerializer}, parameters=[ONCE]
    )
    def create(self, request: Request) -> Response:
        """Record a licence. 409: one of the profession and place stands in these days."""
        require(request.user, "person.manage")
        data = checked(LicenceCreateSerializer(data=request.data))
        person = User.objects.filter(code=data.pop("person")).first()
        if person is None:
            raise InvalidInput("There is nobody with this code.", code="unknown-person", field="person")

        def act() -> Response:
            return _licence(*licences.record_licence(user=person, by=self.user, **data), status=201)

        return idempotent(request, "licence", act)

    @extend_schema(request=LicenceChangeSerializer, responses=LicenceAnswerSerializer, parameters=[READ])
    def partial_update(self, request: Request, code: str) -> Response:
        """Correct what was typed wrongly; what is not sent stays."""
        licence = get_licence_for(self.user, code)
        version = expected_version(request, licence.code)
        stands = LicenceSerializer(licence)
        kept = {name: getattr(licence, name) for name in ("profession", "jurisdiction", "number")}
        kept |= {"valid_from": licence.valid_during.lower, "last_day": stands.data["last_day"]}
        changes = checked(LicenceChangeSerializer(data=request.data, partial=True))
        return _licence(
            *licences.correct_licence(
                licence=licence, expected_version=version, by=self.user, **(kept | changes)
            )
        )

    @extend_schema(request=LicenceEndSerializer, responses=LicenceAnswerSerializer, parameters=[READ])
    @action(detail=True, methods=["post"])
    def end(self, request: Request, code: str) -> Response:
        """Say on which day it ends. Bookings that it no longer covers go on a list."""
        licence = get_licence_for(self.user, code)
        version = expected_version(request, licence.code)
        data = checked(LicenceEndSerializer(data=request.data))
        return _licence(
            *licences.end_licence(licence=licence, expected_version=version, by=self.user, **data)
        )


def _licence(licence: Licence, told: tuple[str, ...] | None = None, *, status: int = 200) -> Response:
    body = LicenceSerializer(licence).data | ({} if told is None else {"handed_over": list(told)})
    return Response(body, status=status, headers={"ETag": etag(licence.code, licence.version)})


class SiteViewSet(ServiceViewSet):
    """Sites: read by everybody who works there, kept by those who manage the clinic."""

    queryset = Site.objects.none()
    serializer_class = SiteSerializer

    def get_queryset(self) -> QuerySet[Site]:
        """Those the caller works at; all for a manager."""
        return own_sites(self.user)

    def list(self, request: Request) -> Response:
        """A page of sites, newest first."""
        page: Any = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(SiteSerializer(page, many=True).data)

    def retrieve(self, request: Request, code: str) -> Response:
        """One site, with an ETag."""
        return _site(get_own_site_for(self.user, code))

    @extend_schema(request=SiteFieldsSerializer, responses={201: SiteSerializer}, parameters=[ONCE])
    def create(self, request: Request) -> Response:
        """Open a site; whoever opens it works there. 409: the name is in use."""
        require(request.user, "site.manage")
        data = checked(SiteFieldsSerializer(data=request.data))

        def act() -> Response:
            return _site(sites.found_site(values=data, by=self.user), status=201)

        return idempotent(request, "site", act)

    @extend_schema(request=SiteFieldsSerializer, responses=SiteSerializer, parameters=[READ])
    def partial_update(self, request: Request, code: str) -> Response:
        """Change a site; what is not sent stays. 409: its clock or place, while visits are booked ahead."""
        site = get_site_for(self.user, code)
        version = expected_version(request, site.code)
        changes = checked(SiteFieldsSerializer(data=request.data, partial=True))
        return _site(sites.update_site(site=site, changes=changes, expected_version=version, by=self.user))


def _site(site: Site, status: int = 200) -> Response:
    return Response(SiteSerializer(site).data, status=status, headers={"ETag": etag(site.code, site.version)})


def api_routes(router: BaseRouter) -> None:
    """Register the viewsets of this app."""
    router.register("people", PeopleViewSet, basename="person")
    router.register("licences", LicenceViewSet, basename="licence")
    router.register("sites", SiteViewSet, basename="site")
