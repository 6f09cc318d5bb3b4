"""The protection officer's pages: what waits, one proposal as its signers see it, and their signature. Nothing here needs a team secret."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.desk import finding_page as pages
from app.desk.finding_page import Speech
from app.desk.pages import bp, number, render
from app.errors import BusyError, MalformedError, NoLeaseError, PaivandError, RefusedError, SamePersonError
from app.findings import approvals
from app.findings.records import FindingItem
from app.i18n.text import gettext as _
from app.members.policy import Permission
from app.reports.answers import tidy
from app.web.deps import deps
from app.web.gate import allow
from app.web.refusals import refusal_for
from app.web.sessions import actor, signed_in
from app.web.staff import member_names


@bp.get("/approvals")
@allow(Permission.SIGN_PROTECTION)
def show_approvals() -> ResponseReturnValue:
    """Show the proposals that wait for this officer, without a name."""
    with deps().database.read() as session:
        found = approvals.waiting_for(session, actor())
    return render("desk/approvals.html", rows=[_row(item) for item in found])


@bp.post("/approvals/<uuid:finding_id>/open")
@allow(Permission.SIGN_PROTECTION)
def open_approval(finding_id: UUID) -> ResponseReturnValue:
    """Open a proposal for an hour; the opening is an entry. A comment from before comes back."""
    here = deps()
    try:
        with here.database.write() as session:
            approvals.open_for_approval(session, actor(), signed_in().keys.id, finding_id, now=here.clock())
    except (RefusedError, BusyError) as error:
        return _refuse(finding_id, error)
    if _comment():
        return _page(finding_id, alert={"kind": "note", "text": _("What you typed is still here, not saved yet.")})
    return redirect(url_for("desk.show_approval", finding_id=finding_id), 303)


@bp.get("/approvals/<uuid:finding_id>")
@allow(Permission.SIGN_PROTECTION)
def show_approval(finding_id: UUID) -> ResponseReturnValue:
    """Show a proposal that this session has opened: the frozen snapshot and nothing around it."""
    try:
        return _page(finding_id)
    except NoLeaseError:
        return _shut(finding_id), 403


@bp.post("/approvals/<uuid:finding_id>")
@allow(Permission.SIGN_PROTECTION)
def sign_approval(finding_id: UUID) -> ResponseReturnValue:
    """Sign a proposal, or give it back with a comment."""
    here, decision = deps(), request.form.get("decision", "")

    def sign(session: Session) -> None:
        approvals.sign_as_protection(
            session,
            actor(),
            signed_in().keys.id,
            finding_id,
            decision=decision,
            comment=_comment(),
            version=number("version"),
            now=here.clock(),
        )

    return _do(finding_id, sign)


def _do(finding_id: UUID, act: Callable[[Session], None]) -> ResponseReturnValue:
    here = deps()
    try:
        with here.database.write() as session:
            act(session)
    except (RefusedError, MalformedError, BusyError) as error:
        if isinstance(error, SamePersonError):
            with here.database.write() as session:
                approvals.record_refusal(session, actor(), signed_in().keys.id, finding_id, why=error.code, now=here.clock())
        return _refuse(finding_id, error)
    return redirect(url_for("desk.show_approvals"), 303)


def _refuse(finding_id: UUID, error: PaivandError) -> ResponseReturnValue:
    refusal = refusal_for(error)
    said = f"{refusal.title}. {refusal.text} {refusal.todo}"
    if isinstance(error, MalformedError):
        said = _("Not signed. Whoever gives it back says why; a comment takes 3000 signs.")
    elif isinstance(error, SamePersonError):
        said = _("Not signed. You signed this in another part already, or are asked to review it. The attempt is in the log.")
    try:
        return _page(finding_id, alert={"kind": "warn", "text": said}), refusal.status
    except NoLeaseError:
        return _shut(finding_id), 403
    except RefusedError:
        if not _comment():
            raise error from None
        values = {"title": refusal.title, "text": refusal.text, "todo": refusal.todo, "kept": _comment()}
        return render("staff/refusal.html", **values, back=url_for("desk.show_approvals")), refusal.status


def _page(finding_id: UUID, *, alert: dict[str, str] | None = None) -> str:
    here, me = deps(), actor()
    with here.database.read() as session:
        item = approvals.read_for_approval(session, me, signed_in().keys.id, finding_id, now=here.clock())
        is_signed = approvals.has_signed(session, finding_id)
        names = member_names(session)
    speech = Speech(shown=True, text=str, members=names)
    one = item.body.rounds[-1]
    seen = one.seen
    level = pages.badge(seen["level"])
    return render(
        "desk/approval.html",
        alert=alert,
        comment=_comment(),
        f={
            **pages.seen_values(seen, speech),
            "id": item.id,
            "version": item.row.version,
            "ref": seen["act"]["ref"],
            "case": {"code": seen["case"]},
            "state": pages.state_values(item.row.state),
            "round": len(item.body.rounds),
            "signatures": pages.signature_rows(me.chain, item, one, speech),
            "signed": is_signed,
            "says": level["code"] or level["word"],
        },
    )


def _shut(finding_id: UUID) -> str:
    comment = _comment()
    return render(
        "desk/approval_shut.html",
        here="approvals",
        title=_("This proposal is not open"),
        text=_("Opening a proposal is an entry in the log. It stays open for an hour."),
        action=url_for("desk.open_approval", finding_id=finding_id),
        back=url_for("desk.show_approvals"),
        back_title=_("To sign"),
        kept=[("comment", comment)] if comment else [],
    )


def _row(item: FindingItem) -> dict[str, Any]:
    seen = item.body.rounds[-1].seen
    return {
        "id": item.id,
        "code": seen["case"],
        "ref": seen["act"]["ref"],
        "title": pages.title_of(seen["act"]),
        "badge": pages.badge(seen["level"]),
        "state": pages.state_values(item.row.state),
        "round": len(item.body.rounds),
    }


def _comment() -> str:
    return tidy(request.form.get("comment", "")).strip()
