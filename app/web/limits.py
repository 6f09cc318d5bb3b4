"""Limits that hold before a byte of a form is parsed (measured: a urlencoded body has no other bound)."""

from typing import Final

from flask import Flask, Request, request
from werkzeug.exceptions import ClientDisconnected

MAX_TEXT_BYTES: Final = 300_000
MAX_DESK_BYTES: Final = 1_000_000  # a whole translation, six bytes a letter as browsers send it
MAX_FIELDS: Final = 60


class LimitedRequest(Request):
    """A request whose body is bounded from the start, and that never spools to a file."""

    max_form_memory_size = MAX_TEXT_BYTES
    max_form_parts = MAX_FIELDS

    @property
    def max_content_length(self) -> int | None:
        """Bound the body by the face it is sent to."""
        return MAX_DESK_BYTES if self.path.startswith("/desk/") else MAX_TEXT_BYTES

    @max_content_length.setter
    def max_content_length(self, _value: int | None) -> None:
        """Keep the bound: nothing may raise it."""


def set_limits(app: Flask, hosts: tuple[str, ...]) -> None:
    """Bound requests and accept only the configured hosts (a forged Host must not reach a link)."""
    app.request_class = LimitedRequest
    app.config["MAX_CONTENT_LENGTH"] = MAX_TEXT_BYTES
    app.config["MAX_FORM_MEMORY_SIZE"] = MAX_TEXT_BYTES
    app.config["MAX_FORM_PARTS"] = MAX_FIELDS
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.config["TRUSTED_HOSTS"] = list(hosts)


def refuse_cut_body() -> None:
    """Refuse a form whose line broke, before it is read: gunicorn hands on what came, and half a text would count as the whole."""
    announced = request.content_length
    if announced is not None and len(request.get_data()) != announced:
        raise ClientDisconnected
