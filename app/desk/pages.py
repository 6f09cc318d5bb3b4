"""The desk's blueprint, its door, and small things its pages share."""

from contextlib import suppress
from typing import Final

from flask import Blueprint, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.errors import PaivandError
from app.members import sessions
from app.members.policy import Permission, may
from app.reports import queue
from app.web import staff
from app.web.deps import deps
from app.web.gate import allow
from app.web.staff import Staff

bp = Blueprint("desk", __name__, url_prefix="/desk", template_folder="templates", static_folder=None)
STAFF: Final = Staff("desk", home="desk.show_queue")
render = STAFF.render
_MAX_DIGITS: Final = 9

bp.get("/d.css", endpoint="style")(allow(Permission.SIGN_IN)(staff.style))


@bp.get("/")
@allow(Permission.SIGN_IN)
def show_door() -> ResponseReturnValue:
    """Show the sign-in page, or lead a signed-in member on."""
    if g.get("signed_in") is not None:
        return redirect(url_for("desk.show_queue"), 303)
    return STAFF.show_door()


@bp.post("/")
@allow(Permission.SIGN_IN)
def sign_in() -> ResponseReturnValue:
    """Sign in; the first entitled session takes waiting reports in."""
    held, answer = STAFF.sign_in()
    if held is None:
        return answer
    here = deps()
    if may(held.actor.roles, Permission.VIEW_QUEUE):
        # signed in is signed in: if the queue cannot be looked at now, its page says so
        with suppress(PaivandError):
            with here.database.write() as session:
                sessions.sweep(session, here.clock())
            queue.look(here.database, held.actor, held.keys.id, now=here.clock())
    return STAFF.welcome(str(answer))


@bp.post("/lock")
@allow(Permission.OWN_SESSION)
def lock() -> ResponseReturnValue:
    """End the session at once."""
    return STAFF.lock()


@bp.post("/language")
@allow(Permission.SIGN_IN)
def choose_language() -> ResponseReturnValue:
    """Remember the language of the desk in this browser."""
    return STAFF.choose_language()


def paragraphs(text: str) -> list[str]:
    """Split a text where its writer left an empty line."""
    return [part.strip("\n") for part in text.split("\n\n") if part.strip()]


def number(name: str) -> int:
    """Read a row version from the form; what is not a number is no version."""
    text = request.form.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else -1
