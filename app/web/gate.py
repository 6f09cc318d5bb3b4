"""The gate: a view without a named permission answers 403 (default deny), and cross-site requests do not get in."""

from collections.abc import Callable
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from flask import Flask, current_app, g, request
from werkzeug.exceptions import LengthRequired

from app.errors import ForbiddenError, ForeignFormError, SignInError
from app.members.policy import EVERYBODY, Permission, may

View = TypeVar("View", bound=Callable[..., Any])
_ATTRIBUTE: Final = "paivand_permission"
_FOREIGN: Final = ("cross-site", "same-site")


def allow(permission: Permission) -> Callable[[View], View]:
    """Name the permission of a view."""

    def mark(view: View) -> View:
        setattr(view, _ATTRIBUTE, permission)
        return view

    return mark


def permission_of(app: Flask, endpoint: str) -> Permission | None:
    """Return the permission that a view names."""
    return getattr(app.view_functions[endpoint], _ATTRIBUTE, None)


def check() -> None:
    """Refuse what the policy does not allow.

    Raises:
        ForbiddenError: no permission is named, or the role lacks it.
        ForeignFormError: the form comes from another site.
        SignInError: the page needs a signed-in member.
    """
    if request.endpoint is None:
        return
    permission = permission_of(current_app, request.endpoint)
    if permission is None:
        raise ForbiddenError
    if request.method == "POST" and request.headers.get("Sec-Fetch-Site", "none") in _FOREIGN:
        raise ForeignFormError
    if request.method == "POST" and request.content_length is None:
        raise LengthRequired  # a body without a length would be cut at the limit and taken for the whole
    if permission is not Permission.PUBLIC and request.method == "POST":
        _check_origin()
    if permission in EVERYBODY:
        return
    signed_in = g.get("signed_in")
    if signed_in is None:
        raise SignInError
    if not may(signed_in.actor.roles, permission):
        raise ForbiddenError


def _check_origin() -> None:
    """Refuse a form of another site where the browser is too old to send Sec-Fetch-Site."""
    origin = request.headers.get("Origin")
    if origin is not None and "Sec-Fetch-Site" not in request.headers and urlsplit(origin).netloc != request.host:
        raise ForeignFormError
