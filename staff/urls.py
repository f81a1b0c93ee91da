"""Routes of people, licences and sites."""

from __future__ import annotations

from django.urls import path

from staff.views import licences, people, sites

urlpatterns = [
    path("people/", people.person_list, name="person_list"),
    path("people/invite/", people.person_invite, name="person_invite"),
    path("people/<uuid:code>/", people.person_detail, name="person_detail"),
    path("people/<uuid:code>/edit/", people.person_edit, name="person_edit"),
    path("people/<uuid:code>/access/", people.person_access, name="person_access"),
    path("people/<uuid:code>/invite/", people.person_invite_again, name="person_invite_again"),
    path("people/<uuid:code>/deactivate/", people.person_deactivate, name="person_deactivate"),
    path("people/<uuid:code>/reactivate/", people.person_reactivate, name="person_reactivate"),
    path("people/<uuid:code>/second-step/", people.person_reset_second_step, name="person_reset_second_step"),
    path("people/<uuid:code>/licences/new/", licences.licence_new, name="licence_new"),
    path("licences/<uuid:code>/", licences.licence_edit, name="licence_edit"),
    path("sites/", sites.site_list, name="site_list"),
    path("sites/new/", sites.site_new, name="site_new"),
    path("sites/<uuid:code>/", sites.site_edit, name="site_edit"),
]
