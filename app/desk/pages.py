"""The desk's blueprint, its door, and small things its pages share."""

from contextlib import suppress
from typing import Final

from flask import Blueprint, request

from app.errors import PaivandError
from app.i18n.text import lazy_gettext as _l
from app.members import sessions
from app.members.policy import Permission, may
from app.members.sessions import SignedIn
from app.reports import queue
from app.web.deps import deps
from app.web.sessions import head_keeper
from app.web.staff import Place, Staff

bp = Blueprint("desk", __name__, url_prefix="/desk", template_folder="templates", static_folder=None)
STAFF: Final = Staff(
    "desk",
    (
        Place("queue", _l("Queue"), "desk.show_queue", Permission.VIEW_QUEUE),
        Place("messages", _l("To release"), "desk.show_messages", Permission.RELEASE),
        Place("cases", _l("Cases"), "desk.show_cases", Permission.VIEW_CASES),
        Place("findings", _l("Findings"), "desk.show_findings", Permission.VIEW_FINDINGS),
        Place("approvals", _l("To sign"), "desk.show_approvals", Permission.SIGN_PROTECTION),
        Place("members", _l("Members"), "desk.show_members", Permission.VIEW_MEMBERS),
    ),
)
render = STAFF.render
_MAX_DIGITS: Final = 9


def _take_in(held: SignedIn) -> None:
    """Take waiting reports in: the first entitled session does. If that fails now, signed in is signed in, and the queue says so."""
    here = deps()
    if may(held.actor.roles, Permission.VIEW_QUEUE):
        with suppress(PaivandError):
            with here.database.write() as session:
                sessions.sweep(session, here.clock())
            queue.look(here.database, held.actor, held.keys.id, now=here.clock(), heads=head_keeper())


STAFF.hang_door(bp, after_sign_in=_take_in)


def paragraphs(text: str) -> list[str]:
    """Split a text where its writer left an empty line."""
    return [part.strip("\n") for part in text.split("\n\n") if part.strip()]


def number(name: str) -> int:
    """Read a row version from the form; what is not a number is no version."""
    text = request.form.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else -1
