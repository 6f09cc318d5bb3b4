"""Members: who works here and what they may, who is asked to join, what waits for a second hand; and the newcomer's own page."""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.desk.pages import STAFF, bp, number, render
from app.errors import ConflictError, DamagedError, MalformedError, SamePersonError
from app.i18n.text import day_text
from app.i18n.text import gettext as _
from app.i18n.text import lazy_gettext as _l
from app.members import change, invite
from app.members.chain import waiting_draft
from app.members.found import missing_staff
from app.members.invite import Invited, Offer
from app.members.policy import Permission, may
from app.vault.encoding import from_b64, to_b64
from app.vault.manifest import DESK_ROLES, ROLES, Draft, may_sign
from app.web import labels
from app.web.deps import deps
from app.web.gate import allow
from app.web.refusals import refusal_for
from app.web.sessions import actor, server_secret
from app.web.staff import member_names

MAY: Final[dict[str, Any]] = {
    "admin": _l("invite; opens nothing"),
    "lead": _l("read, write, review, invite, grant, remove"),
    "caseworker": _l("read, write, propose, review"),
    "protection": _l("sign for minors and sexual violence"),
    "auditor": _l("read the log, never a report"),
}
MISSING: Final[dict[str, Any]] = {
    "second-person": _l("No message can be released and no finding confirmed: a second lead or caseworker is missing."),
    "admin": _l("Nobody can invite but a lead, who then cannot grant: an administrator is missing."),
    "protection": _l("No finding on minors or sexual violence can be confirmed: a protection officer is missing."),
    "auditor": _l("Nobody can check this team from outside: an auditor is missing."),
}
_FAULTS: Final[dict[type[Exception], Any]] = {
    change.FingerprintError: _l(
        "These are not the words of this person’s keys. Nothing was changed. Ask them to read the words again. "
        "If you typed what they read, somebody has changed the keys: tell the other leads and the auditor."
    ),
    change.VoidInvitationError: _l(
        "This invitation does not count: it was changed, or whoever invited may not invite any more. "
        "Nothing was granted. Withdraw it and invite again."
    ),
    change.NobodyInvitedError: _l("Nobody has invited this person. Do not sign; speak to the lead who did. Nothing was changed."),
    invite.NameTakenError: _l(
        "Somebody has this name, or is invited under it. If you did not see the code of that invitation, withdraw it and invite again."
    ),
    invite.UsedCodeError: _l(
        "Somebody has joined with this code. If that was not you, tell a lead at once. "
        "If you lost what was shown to you, ask for a new invitation."
    ),
    invite.LateCodeError: _l("This invitation is older than 14 days. Ask for a new one."),
    invite.CodeError: _l("No invitation has this code. Look at each word again. If it was used or withdrawn, ask for a new invitation."),
    invite.NotKeptError: _l(
        "Passphrase and code do not fit what was shown. Type them again. "
        "Or begin again: then new ones are drawn, and those from before are worth nothing."
    ),
}
_MAX_PASSPHRASE: Final = 1000
_SAME_PERSON: Final[dict[str, Any]] = {
    "grant": _l("You invited this person. Another lead grants."),
    "sign": _l("You have signed this yourself, or invited this person. Somebody else signs."),
    "remove": _l("Nobody removes themself. Ask another lead."),
}


@bp.get("/members")
@allow(Permission.VIEW_MEMBERS)
def show_members() -> ResponseReturnValue:
    """Show everybody, and what may be done."""
    return _page()


@bp.post("/members/invitations")
@allow(Permission.INVITE)
def invite_member() -> ResponseReturnValue:
    """Invite somebody; the code is shown on this one page."""
    typed = {"name": request.form.get("name", ""), "role": request.form.get("role", "")}
    try:
        with deps().database.write() as session:
            code = invite.invite(session, actor(), server_secret(), **typed, now=deps().clock())
    except invite.NameTakenError as error:
        return _again(error, typed=typed)
    except MalformedError as error:
        return _again(error, typed=typed, text=_("A name has 1 to %(most)s letters, and a role has to be chosen.", most=invite.MAX_NAME))
    return _page(new={"name": typed["name"], "code": code, "url": f"{request.host}{url_for('desk.show_join')}"}), 201


@bp.post("/members/invitations/<uuid:invitation_id>/withdraw")
@allow(Permission.INVITE)
def withdraw_invitation(invitation_id: UUID) -> ResponseReturnValue:
    """Take an invitation back."""
    return _do(lambda session: invite.withdraw(session, actor(), server_secret(), invitation_id, now=deps().clock()))


@bp.post("/members/invitations/<uuid:invitation_id>/grant")
@allow(Permission.GRANT)
def grant_member(invitation_id: UUID) -> ResponseReturnValue:
    """Grant what somebody was invited for, alone or as the first of two leads."""
    words = request.form.get("words", "")

    def grant(session: Session) -> None:
        change.grant(session, actor(), server_secret(), invitation_id, typed=words, epoch=number("epoch"), now=deps().clock())

    return _do(grant, "grant", typed={"at": str(invitation_id), "words": words})


@bp.post("/members/removals")
@allow(Permission.REMOVE)
def remove_member() -> ResponseReturnValue:
    """Remove a member, alone or as the first of two; their sessions end in any case."""
    typed = {"member": request.form.get("member", "")}
    if not typed["member"] or request.form.get("sure") != "1":
        return _again(MalformedError(), typed=typed, text=_("Choose a member, and tick the box. Nothing was changed."))
    return _do(lambda session: _remove(session, typed["member"]), "remove", typed=typed)


@bp.post("/members/sessions")
@allow(Permission.REMOVE)
def end_sessions() -> ResponseReturnValue:
    """End all sessions of a member, who can sign in again."""
    member = request.form.get("member", "")
    if not member:
        return _again(MalformedError(), text=_("Choose a member. Nothing was changed."))
    return _do(lambda session: change.end_all_sessions(session, actor(), member, now=deps().clock()))


@bp.post("/members/draft/sign")
@allow(Permission.VIEW_MEMBERS)
def sign_draft() -> ResponseReturnValue:
    """Be the second hand of the change that waits."""
    words, digest = request.form.get("words", ""), request.form.get("draft", "")

    def sign(session: Session) -> None:
        change.sign(session, actor(), server_secret(), digest=digest, typed=words, now=deps().clock())

    return _do(sign, "sign", typed={"at": "draft", "words": words})


@bp.post("/members/draft/withdraw")
@allow(Permission.GRANT)
def withdraw_draft() -> ResponseReturnValue:
    """Take the change that waits back, or ask another lead to agree to that."""
    digest = request.form.get("draft", "")
    return _do(lambda session: change.withdraw(session, actor(), digest=digest, now=deps().clock()))


@bp.get("/join")
@allow(Permission.SIGN_IN)
def show_join() -> ResponseReturnValue:
    """Ask for the code of an invitation."""
    return _join_page("code")


@bp.post("/join")
@allow(Permission.SIGN_IN)
def join() -> ResponseReturnValue:
    """Draw keys for whoever has a code; store them only when passphrase and second device come back, so that no click loses them."""
    here, code, typed = deps(), request.form.get("code", ""), request.form
    common: dict[str, Any] = {"chain": here.chain.current(), "server_secret": server_secret(), "now": here.clock()}
    try:
        if "blob" not in typed:
            return _join_page("keep", code=code, offer=_shown(invite.offer(here.database, code, **common)))
        carried = Offer("", "", typed.get("member", ""), _bytes("salt", 16), _bytes("blob"))
        passphrase, second = typed.get("passphrase", "")[:_MAX_PASSPHRASE], typed.get("second", "")
        joined = invite.join(here.database, code, carried, passphrase=passphrase, second=second, **common)
    except invite.NotKeptError as error:
        offer = {name: typed.get(name, "") for name in ("member", "salt", "blob")}
        return _join_page("again", code=code, offer=offer, error=str(_FAULTS[type(error)])), 422
    except invite.CodeError as error:
        return _join_page("code", code=code, error=str(_FAULTS[type(error)])), 422
    except ConflictError:
        return _join_page("code", error=_("This name was taken meanwhile. Ask for a new invitation.")), 409
    return _join_page("done", words=joined.words, name=joined.name, role=labels.roles_text([joined.role]))


def _remove(session: Session, member_id: str) -> None:
    change.remove(session, actor(), member_id, epoch=number("epoch"), now=deps().clock())


def _do(step: Callable[[Session], object], what: str = "", *, typed: dict[str, str] | None = None) -> ResponseReturnValue:
    """Do one thing in one transaction; a refusal that can be put right shows the page again, with what was typed."""
    try:
        with deps().database.write() as session:
            step(session)
    except SamePersonError as error:
        return _again(error, typed=typed, text=str(_SAME_PERSON[what]))
    except tuple(_FAULTS) as error:
        return _again(error, typed=typed)
    return redirect(url_for("desk.show_members"), 303)


def _again(error: Exception, *, typed: dict[str, str] | None = None, text: str | None = None) -> ResponseReturnValue:
    words = text or str(_FAULTS[type(error)])
    return _page(alert={"kind": "risk", "text": words}, typed=typed), refusal_for(error).status


def _page(*, new: dict[str, str] | None = None, alert: dict[str, str] | None = None, typed: dict[str, str] | None = None) -> str:
    here, me = deps(), actor()
    newest = me.chain.newest
    with here.database.read() as session:
        names = member_names(session)
        invitations = invite.list_invitations(session, me.root, server_secret())
        waiting = waiting_draft(session, me.chain)
        draft = _draft(session, waiting, names) if waiting else None
    drafted = waiting.manifest.members if waiting else {}
    people = sorted(newest.members.values(), key=lambda member: (min(map(ROLES.index, member.roles), default=9), names.get(member.id, "")))
    rows = [{**_invited(item, names, has_draft=draft is not None), "in_draft": item.member_id in drafted} for item in invitations]
    grants = [row for row in rows if row["may_grant"]]
    roles = [role for member in people if member.id not in me.chain.suspended for role in _counted(member.roles)]
    others = len(newest.leads - {me.member_id})
    return render(
        "desk/members.html",
        here="members",
        alert=alert,
        new=new,
        typed=typed or {},
        epoch=newest.epoch,
        people=[
            {
                "id": member.id,
                "name": names.get(member.id, member.id[:4]),
                "role": labels.roles_text(member.roles),
                "may": "; ".join(str(MAY[role]) for role in sorted(member.roles)),
                "suspended": member.id in me.chain.suspended,
                "me": member.id == me.member_id,
            }
            for member in people
        ],
        invited=rows,
        draft=draft,
        missing=[str(MISSING[code]) for code in missing_staff(roles)],
        roles=[(role, str(labels.ROLES[role])) for role in ROLES],
        may_invite=may(me.roles, Permission.INVITE),
        may_remove=may(me.roles, Permission.REMOVE),
        must_not_invite="lead" in me.roles and others < min(2, len(newest.leads)),
        is_alone=len(newest.leads) == 1,
        primary="draft" if draft and draft["may_sign"] else str(grants[0]["id"]) if grants else "invite",
    )


def _counted(roles: frozenset[str]) -> frozenset[str]:
    """Count a person who is lead and caseworker once: they are one pair of eyes."""
    return roles - {"caseworker"} if "lead" in roles else roles


def _invited(item: Invited, names: dict[str, str], *, has_draft: bool) -> dict[str, Any]:
    me = actor()
    is_good = item.is_good(me.chain)
    if not is_good:
        state = (_("does not count any more"), "stop")
    elif item.member_id:
        state = (_("has keys, waits for a lead"), "half")
    elif item.is_late(deps().clock()):
        state = (_("too old"), "stop")
    else:
        state = (_("invited, no keys"), "")
    return {
        "id": item.id,
        "name": item.name,
        "role": labels.roles_text([item.role]),
        "by": names.get(item.inviter, ""),
        "when": day_text(item.day),
        "state": dict(zip(("text", "kind"), state, strict=True)),
        "mine": item.inviter == me.member_id,
        "joined": bool(item.member_id) and is_good,
        "may_grant": bool(item.member_id)
        and is_good
        and not has_draft
        and may(me.roles, Permission.GRANT)
        and item.inviter != me.member_id,
    }


def _draft(session: Session, draft: Draft, names: dict[str, str]) -> dict[str, Any]:
    """Return what waits for a second hand, in words that come from the very bytes that are signed."""
    me = actor()
    cells: dict[str, Any] = {
        "digest": draft.manifest.digest.hex(),
        "by": [names.get(member, "") for member in sorted(draft.signers)],
        "may_sign": False,
        "may_withdraw": may(me.roles, Permission.GRANT),
        "is_removal": draft.is_reducing,
        "lifter": "",
        "title": "",
    }
    try:
        found = change.read_waiting(session, me)
    except DamagedError:
        found = None
    if found is None:
        return cells
    name = names.get(found.member.id, found.member.id[:4])
    if found.is_removal:
        title = _("Remove %(name)s", name=name)
        hands = [member for member in draft.manifest.members.values() if member.roles & DESK_ROLES and member.id not in draft.signers]
        who = ", ".join(sorted(names.get(member.id, "") for member in hands))
    else:
        title = _("Give %(name)s the role %(role)s", name=name, role=labels.roles_text(found.member.roles))
        who = ", ".join(sorted(names.get(member, "") for member in me.chain.newest.leads - draft.signers))
    return {
        **cells,
        "title": title,
        "who": who,
        "may_sign": may_sign(me.chain.newest, draft, me.member_id),
        "lifter": names.get(found.lifter, "") if found.lifter else "",
        "lifted_by_me": found.lifter == me.member_id,
    }


def _bytes(name: str, size: int | None = None) -> bytes:
    try:
        return from_b64(request.form.get(name, ""), size)
    except MalformedError:
        raise invite.NotKeptError from None


def _shown(offer: Offer) -> dict[str, str]:
    return {
        "name": offer.name,
        "role": labels.roles_text([offer.role]),
        "passphrase": offer.passphrase,
        "totp": " ".join(offer.totp[at : at + 4] for at in range(0, len(offer.totp), 4)),
        "member": offer.member_id,
        "salt": to_b64(offer.salt),
        "blob": to_b64(offer.blob),
    }


def _join_page(step: str, **values: Any) -> str:
    return STAFF.render("desk/join.html", step=step, **{"code": "", "error": None, "offer": {}, **values})
