"""The forms of the account pages, in the words of the other pages and as a person with a keyboard needs them."""

from __future__ import annotations

from typing import Any

from allauth.account import forms as allauth_forms

WORDS = {
    "login": "E-mail",
    "email": "E-mail",
    "oldpassword": "Current password",
    "password1": "New password",
    "password2": "New password again",
}


class _OurWords:
    """Labels in sentence case; no grey text in a box, which is gone once it is needed."""

    fields: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.label = WORDS.get(name, field.label)
            field.widget.attrs.pop("placeholder", None)


class LoginForm(_OurWords, allauth_forms.LoginForm):
    """From the e-mail address, Tab leads to the password: the page has the link to reset it below the button."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].help_text = ""


class ResetPasswordForm(_OurWords, allauth_forms.ResetPasswordForm):
    """Where the link to choose a new password goes."""


class ResetPasswordKeyForm(_OurWords, allauth_forms.ResetPasswordKeyForm):
    """A new password, behind a one-time link."""


class ChangePasswordForm(_OurWords, allauth_forms.ChangePasswordForm):
    """A new password, for somebody who knows the old one."""
