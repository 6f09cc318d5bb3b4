"""Limits that hold before a byte of a form is parsed (measured: a urlencoded body has no other bound)."""

from typing import Final

from flask import Flask, Request

MAX_TEXT_BYTES: Final = 300_000
MAX_FIELDS: Final = 60


class LimitedRequest(Request):
    """A request whose body is bounded from the start, and that never spools to a file."""

    max_content_length = MAX_TEXT_BYTES
    max_form_memory_size = MAX_TEXT_BYTES
    max_form_parts = MAX_FIELDS


def set_limits(app: Flask, hosts: tuple[str, ...]) -> None:
    """Bound requests and accept only the configured hosts (a forged Host must not reach a link)."""
    app.request_class = LimitedRequest
    app.config["MAX_CONTENT_LENGTH"] = MAX_TEXT_BYTES
    app.config["MAX_FORM_MEMORY_SIZE"] = MAX_TEXT_BYTES
    app.config["MAX_FORM_PARTS"] = MAX_FIELDS
    app.config["TRUSTED_HOSTS"] = list(hosts)
