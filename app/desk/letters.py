"""Letters to sources: hand over, read as a second person, release or return."""

from uuid import UUID

from flask import redirect, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.desk import labels
from app.desk.pages import bp, number, paragraphs, render
from app.errors import NoLeaseError
from app.i18n.text import day_text
from app.members.policy import Permission
from app.reports import letters, queue
from app.web.deps import deps
from app.web.gate import allow
from app.web.sessions import actor, signed_in
from app.web.staff import member_names


@bp.get("/messages")
@allow(Permission.RELEASE)
def show_messages() -> ResponseReturnValue:
    """Show what waits for a second person; who may look at the queue now may look at this, under the same entry."""
    here = deps()
    with here.database.read() as session:
        if not queue.has_lease(session, signed_in().keys.id, queue.QUEUE, here.clock()):
            return redirect(url_for("desk.show_queue"), 303)
        waiting, damaged = letters.list_handed(session, actor())
        names = member_names(session)
    rows = [
        {
            "id": item.letter.message.id,
            "ref": queue.ref_of(item.letter.report_id),
            "version": item.letter.message.version,
            "by": names.get(item.letter.message.author, ""),
            "when": day_text(item.letter.day),
            "paragraphs": paragraphs(item.letter.text),
            "lang": item.letter.language,
            "lang_name": labels.language_name(item.letter.language),
            "mine": item.is_mine,
        }
        for item in waiting
    ]
    return render("desk/messages.html", messages=rows, damaged=damaged)


@bp.post("/messages/<uuid:message_id>/release")
@allow(Permission.RELEASE)
def release_message(message_id: UUID) -> ResponseReturnValue:
    """Release a letter that somebody else wrote."""
    here = deps()
    with here.database.write() as session:
        _check_looking(session)
        letters.release(session, actor(), message_id, version=number("version"), now=here.clock())
    return redirect(url_for("desk.show_messages"), 303)


@bp.post("/messages/<uuid:message_id>/return")
@allow(Permission.RELEASE)
def return_message(message_id: UUID) -> ResponseReturnValue:
    """Give a letter back to its author, unreleased."""
    here = deps()
    with here.database.write() as session:
        _check_looking(session)
        letters.return_letter(session, actor(), message_id, version=number("version"), now=here.clock())
    return redirect(url_for("desk.show_messages"), 303)


def _check_looking(session: Session) -> None:
    """Only within an hour of looking at the queue, which is an entry, can a letter have been read."""
    if not queue.has_lease(session, signed_in().keys.id, queue.QUEUE, deps().clock()):
        raise NoLeaseError
