"""Which people a manager asked for. Only filters; who may ask is decided by the caller."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.db.models import Exists, OuterRef, Q, QuerySet

from staff import roles
from staff.models import User

WITHOUT_PASSWORD = Q(password__regex=r"^(!|$)")  # noqa: S106 - the mark of "no password chosen"
NOT_JOINED = WITHOUT_PASSWORD & Q(invited_at__isnull=False)  # such a person can own nothing yet
STATES = {
    "active": Q(is_active=True) & ~WITHOUT_PASSWORD,
    "invited": Q(is_active=True) & WITHOUT_PASSWORD,
    "deactivated": Q(is_active=False),
}


def people() -> QuerySet[User]:
    """Everybody who has or had an account, with roles, sites, licences and whether a second step is on (`mfa`)."""
    second_step = Exists(Authenticator.objects.filter(user=OuterRef("pk"), type="totp"))
    return User.objects.annotate(mfa=second_step).prefetch_related("groups", "sites", "licences")


def matching(
    rows: QuerySet[User], *, text: str = "", role: str = "", site: str = "", state: str = ""
) -> QuerySet[User]:
    """Those whose name, title or address contains `text`, with a role, at a site (code) and in a state.

    Those who have left are among them when they are asked for or searched. Unknown roles and states filter nothing.
    """
    text = text.replace("\x00", "")
    if text:
        rows = rows.filter(Q(full_name__icontains=text) | Q(email__icontains=text) | Q(title__icontains=text))
    if role in roles.LABELS:
        rows = rows.filter(groups__name=role)
    if site:
        rows = rows.filter(sites__code=site)
    default = Q() if text else Q(is_active=True)
    return rows.filter(STATES.get(state, default))
