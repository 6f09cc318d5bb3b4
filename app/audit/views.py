"""The auditors' door and the log."""

from typing import Any, Final
from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import SealError
from app.i18n.text import day_text, ngettext
from app.ledger.read import open_as_auditor, read_head
from app.members.policy import Permission
from app.reports.queue import ref_of
from app.store.ledger import LedgerEntry
from app.vault.encoding import to_b64
from app.web.deps import deps
from app.web.gate import allow
from app.web.labels import entry_text, roles_text
from app.web.sessions import actor
from app.web.staff import Staff, member_names

bp = Blueprint("audit", __name__, url_prefix="/audit", template_folder="templates", static_folder=None)
STAFF: Final = Staff("audit", home="audit.show_log")
PAGE: Final = 50

STAFF.hang_door(bp)


@bp.get("/log")
@allow(Permission.READ_LEDGER)
def show_log() -> ResponseReturnValue:
    """Show the head, and the entries as far as the audit secret opens them; newest first."""
    here = deps()
    with here.database.read() as session:
        head = read_head(session, here.chain.current().newest.origin)
        before = _before(head.size)
        query = select(LedgerEntry).where(LedgerEntry.index < before).order_by(LedgerEntry.index.desc()).limit(PAGE)
        names = member_names(session)
        rows = [_cells(session, entry, names) for entry in session.scalars(query)]
    pages = {
        "newer": url_for("audit.show_log", before=before + PAGE) if before < head.size else None,
        "older": url_for("audit.show_log", before=before - PAGE) if before > PAGE else None,
    }
    shown = {"origin": head.origin, "size": head.size, "root": to_b64(head.root)}
    shut = sum(row["state"] == "sealed" for row in rows)
    alert = ngettext(
        "%(num)d entry on this page does not open, and no erasure explains it. Ask a lead about it.",
        "%(num)d entries on this page do not open, and no erasure explains it. Ask a lead about it.",
        shut,
    )
    return STAFF.render(
        "audit/log.html",
        head=shown,
        entries=rows,
        pages=pages,
        alert={"kind": "risk", "text": alert} if shut else None,
    )


def _before(size: int) -> int:
    text = request.args.get("before", "")
    return min(int(text), size) if text.isascii() and text.isdecimal() and len(text) < 12 else size  # noqa: PLR2004


def _cells(session: Session, entry: LedgerEntry, names: dict[str, str]) -> dict[str, Any]:
    try:
        record = open_as_auditor(session, actor(), entry).record
    except SealError:
        return {"index": entry.index, "day": "", "kind": "", "actor": "", "role": "", "object": "", "state": "sealed"}
    return {
        "index": entry.index,
        "day": day_text(record["day"], "d MMMM y"),
        "kind": entry_text(record),
        "actor": names.get(record["actor"], ""),
        "role": roles_text(record["role"].split(",")),
        "object": _record_name(record["object"]),
        "state": "ok",
    }


def _record_name(name: str | None) -> str:
    """Return a record's short name; a report has the one that the desk says aloud."""
    kind, _, record_id = (name or "").partition(":")
    return ref_of(UUID(record_id)) if kind == "report" else f"{kind} {record_id[:8]}".strip()
