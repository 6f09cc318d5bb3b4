"""All views of the auditors' face: importing them hangs them on the blueprint."""

from typing import Final

from app.audit import cases, log, questions
from app.audit.pages import STAFF, bp

VIEWS: Final = (cases, log, questions)
__all__ = ["STAFF", "VIEWS", "bp"]
