"""One report: open, read, take, describe, note, write."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.desk import labels
from app.desk.pages import bp, number, paragraphs, render
from app.desk.queue import chips, state_words, time_words
from app.errors import BusyError, MalformedError, NoLeaseError, PaivandError, RefusedError
from app.i18n.text import day_text, force_locale, ngettext
from app.i18n.text import gettext as _
from app.members.policy import Permission
from app.reports import answers, letters, queue, triage
from app.reports.records import Letter
from app.reports.triage import Conversation
from app.store.reports import Report, ReportState
from app.web.deps import deps
from app.web.gate import allow
from app.web.labels import roles_text
from app.web.refusals import refusal_for
from app.web.sessions import actor, signed_in
from app.web.staff import member_names

_BOXES: Final = ("gist", "summary", "translation", "note", "message")


@bp.post("/reports/<uuid:report_id>/open")
@allow(Permission.OPEN_REPORT)
def open_report(report_id: UUID) -> ResponseReturnValue:
    """Open a report for an hour; the opening is an entry."""
    here = deps()
    with here.database.write() as session:
        triage.open_report(session, actor(), signed_in().keys.id, report_id, now=here.clock())
    return redirect(url_for("desk.show_report", report_id=report_id), 303)


@bp.get("/reports/<uuid:report_id>")
@allow(Permission.OPEN_REPORT)
def show_report(report_id: UUID) -> ResponseReturnValue:
    """Show a report that this session has opened."""
    try:
        return _page(report_id)
    except NoLeaseError:
        return render("desk/closed.html", report_id=report_id, ref=queue.ref_of(report_id)), 403


@bp.post("/reports/<uuid:report_id>/claim")
@allow(Permission.TRIAGE)
def claim_report(report_id: UUID) -> ResponseReturnValue:
    """Take a report that nobody has."""

    def act(session: Session) -> None:
        triage.claim(session, actor(), signed_in().keys.id, report_id, version=number("version"), now=deps().clock())

    return _do(report_id, act)


@bp.post("/reports/<uuid:report_id>/leave")
@allow(Permission.TRIAGE)
def leave_report(report_id: UUID) -> ResponseReturnValue:
    """Give a report back."""

    def act(session: Session) -> None:
        triage.leave(session, actor(), signed_in().keys.id, report_id, version=number("version"), now=deps().clock())

    return _do(report_id, act)


@bp.post("/reports/<uuid:report_id>/state")
@allow(Permission.TRIAGE)
def move_report(report_id: UUID) -> ResponseReturnValue:
    """Mark a report as urgent, or no longer."""
    wanted = request.form.get("to", "")
    if wanted not in set(ReportState):
        raise MalformedError

    def act(session: Session) -> None:
        triage.move(
            session,
            actor(),
            signed_in().keys.id,
            report_id,
            to=ReportState(wanted),
            version=number("version"),
            now=deps().clock(),
        )

    return _do(report_id, act)


@bp.post("/reports/<uuid:report_id>/description")
@allow(Permission.TRIAGE)
def describe_report(report_id: UUID) -> ResponseReturnValue:
    """Save gist, summary and translation."""

    def act(session: Session) -> None:
        triage.describe(
            session,
            actor(),
            signed_in().keys.id,
            report_id,
            gist=_typed("gist"),
            summary=_typed("summary"),
            translation=_typed("translation"),
            version=number("version"),
            now=deps().clock(),
        )

    return _do(report_id, act, "gist", "summary", "translation")


@bp.post("/reports/<uuid:report_id>/notes")
@allow(Permission.TRIAGE)
def add_note(report_id: UUID) -> ResponseReturnValue:
    """Add a note for the team."""

    def act(session: Session) -> None:
        triage.add_note(session, actor(), signed_in().keys.id, report_id, text=_typed("note"), now=deps().clock())

    return _do(report_id, act, "note")


@bp.post("/reports/<uuid:report_id>/messages")
@allow(Permission.WRITE_TO_SOURCE)
def hand_message(report_id: UUID) -> ResponseReturnValue:
    """Hand a letter to the source over for release."""

    def act(session: Session) -> None:
        opened = triage.leased(session, actor(), signed_in().keys.id, report_id, now=deps().clock())
        language, neutral = opened.summary["language"], request.form.get("neutral") == "1"
        letters.hand_over(
            session,
            actor(),
            signed_in().keys.id,
            report_id,
            text=_neutral_text(language) if neutral else _typed("message"),
            language=language,
            now=deps().clock(),
            neutral=neutral,
        )

    return _do(report_id, act, "message")


def _do(report_id: UUID, act: Callable[[Session], None], *fields: str) -> ResponseReturnValue:
    """Act in one transaction. The page is one form: whatever else was typed comes back, after a refusal all of it."""
    typed = {name: _typed(name) for name in _BOXES if name in request.form}
    try:
        with deps().database.write() as session:
            report = session.get(Report, report_id)
            is_stale = report is not None and report.version != number("version")
            act(session)
    except (RefusedError, MalformedError, BusyError) as error:
        refusal = refusal_for(error)
        try:
            alert = {"kind": "warn", "text": f"{refusal.title}. {refusal.text} {refusal.todo}"}
            return _page(report_id, typed=typed, alert=alert), refusal.status
        except RefusedError:
            raise error from None
    others = {name: text for name, text in typed.items() if name not in fields}
    with suppress(PaivandError):  # it is done: whatever cannot be shown now must not say otherwise
        if _is_unsaved(report_id, others):
            alert = {"kind": "note", "text": _("Done. What you typed elsewhere on this page is still here, not saved yet.")}
            return _page(report_id, typed=others, alert=alert, version=number("version") if is_stale else None)
    return redirect(url_for("desk.show_report", report_id=report_id), 303)


def _is_unsaved(report_id: UUID, typed: dict[str, str]) -> bool:
    """Whether a box holds anything that is not stored."""
    if not any(typed.values()):
        return False
    with deps().database.read() as session:
        work = triage.leased(session, actor(), signed_in().keys.id, report_id, now=deps().clock()).work
    stored = {"gist": work.gist, "summary": work.summary, "translation": work.translation}
    return any(text != stored.get(name, "") for name, text in typed.items())


def _typed(name: str) -> str:
    return answers.tidy(request.form.get(name, ""))


def _page(report_id: UUID, *, typed: dict[str, str] | None = None, alert: dict[str, str] | None = None, version: int | None = None) -> str:
    """Render the page; with an older `version` where its boxes were filled before somebody else saved."""
    here, me = deps(), actor()
    with here.database.read() as session:
        talk = triage.read_conversation(session, me, signed_in().keys.id, report_id, now=here.clock())
        written, lost = letters.letters_of(session, me, talk.opened)
        names = member_names(session)
    report, summary, work = talk.opened.report, talk.opened.summary, talk.opened.work
    state, kind = state_words(report.state, is_answered=queue.is_answered(talk.opened, 1 + len(talk.additions) + talk.arrived))
    language = summary["language"]
    return render(
        "desk/report.html",
        t=typed or {},
        alert=alert,
        neutral_text=_neutral_text(language),
        r={
            "id": report.id,
            "ref": queue.ref_of(report.id),
            "version": report.version if version is None else version,
            "title": work.gist or _("No gist yet"),
            "chips": chips(summary),
            "left": time_words(*queue.time_left(talk.opened, here.clock())),
            "week": report.week[-2:],
            "language": labels.language_name(language),
            "lang": language,
            "mine": report.owner == me.member_id,
            "owner": names.get(report.owner) if report.owner else None,
            "state": {"text": state, "kind": kind},
            "steps": _steps(report.state, state),
            "missing": _missing(talk, me.member_id),
            "facts": _facts(talk),
            "paragraphs": _numbered(str(talk.body.answers[answers.TEXT])),
            "translation": _numbered(work.translation),
            "gist": work.gist,
            "summary": work.summary,
            "translation_text": work.translation,
            "answers": _answers(talk.body.answers),
            "items": _items(talk, written, names),
            "notes": [{"by": names.get(note["by"], ""), "when": day_text(note["day"]), "text": note["text"]} for note in work.notes],
            "openings": [
                {
                    "name": names.get(member, ""),
                    "role": roles_text(_roles_of(member)),
                    "when": day_text(day),
                }
                for member, day in talk.openings
            ],
            "news": ngettext("%(num)d message from the source.", "%(num)d messages from the source.", talk.new_items)
            if talk.new_items
            else None,
            "write": letters.may_write(talk.opened, written).value,
            "urgent": report.state is ReportState.URGENT,
            "damaged": talk.damaged_additions + lost > 0,
            "arrived": talk.arrived,
        },
    )


def _roles_of(member_id: str) -> frozenset[str]:
    member = actor().chain.newest.members.get(member_id)
    return member.roles if member else frozenset()


def _neutral_text(language: str) -> str:
    with force_locale(deps().languages.choose(language)):
        return _("There is a question for you. You can answer here, or leave it. Only if it is safe for you.")


def _numbered(text: str) -> list[dict[str, Any]]:
    return [{"n": at, "text": part} for at, part in enumerate(paragraphs(text), start=1)]


def _steps(state: ReportState, words: str) -> list[dict[str, Any]]:
    has_begun = state not in (ReportState.RECEIVED, ReportState.ADDED)
    steps = [
        {"text": _("Received"), "done": has_begun, "current": not has_begun},
        {
            "text": _("In triage"),
            "done": state is ReportState.NEEDS_INFORMATION,
            "current": state is ReportState.IN_TRIAGE,
        },
    ]
    if state is ReportState.URGENT:
        steps[1] = {"text": _("Urgent"), "done": False, "current": True}
    if state is ReportState.NEEDS_INFORMATION:
        steps.append({"text": words, "done": False, "current": True})
    return steps


def _missing(talk: Conversation, member_id: str) -> str:
    report, work = talk.opened.report, talk.opened.work
    if report.owner is None:
        return _("Next: somebody takes this report.")
    if report.owner != member_id:
        return ""
    if not work.gist:
        return _("Missing: a gist for the queue.")
    if not work.summary:
        return _("Missing: a summary.")
    return ""


def _facts(talk: Conversation) -> list[tuple[str, str]]:
    given = talk.body.answers
    writes = [labels.choice_text(field, given[field]) for field in ("for", "agree") if field in given]
    unset = str(labels.NOT_STATED)
    may = labels.choice_text("may", given["may"]) if "may" in given else _("only to be read and checked by us")
    if "never" in given:
        may = f"{may}; {labels.choice_text('never', '1')}"
    return [
        (_("Writes"), "; ".join(writes) or unset),
        (_("In danger now"), labels.choice_text("danger", given["danger"]) if "danger" in given else unset),
        (_("May be used for"), may),
        (_("May we write"), labels.choice_text("reply", given["reply"]) if "reply" in given else unset),
        (_("Arrived"), day_text(talk.body.day)),
        *[(_("Sent with the same form"), queue.ref_of(related)) for related in talk.related],
    ]


def _answers(given: dict[str, Any]) -> list[tuple[str, str, bool]]:
    rows = []
    for field, question in labels.QUESTIONS.items():
        if field in given:
            chosen = field in labels.CHOICES
            rows.append((str(question), labels.choice_text(field, given[field]) if chosen else given[field], not chosen))
    return rows


def _items(talk: Conversation, written: list[Letter], names: dict[str, str]) -> list[dict[str, Any]]:
    items = [
        {
            "us": False,
            "place": item.place,
            "head": _("Source, %(day)s", day=day_text(item.body.day)),
            "state": None,
            "new": item.is_new and talk.new_items > 0,
            "paragraphs": paragraphs(str(item.body.answers[answers.TEXT])),
            "lang": item.body.language,
        }
        for item in talk.additions
    ]
    items += [
        {
            "us": True,
            "place": letter.place,
            "head": _("%(name)s, %(day)s", name=names.get(letter.message.author, ""), day=day_text(letter.day)),
            "state": _letter_state(letter, names),
            "new": False,
            "paragraphs": paragraphs(letter.text),
            "lang": letter.language,
        }
        for letter in written
    ]
    return sorted(items, key=lambda item: int(item["place"]))  # the ledger knows what came first


def _letter_state(letter: Letter, names: dict[str, str]) -> str:
    state = str(labels.LETTERS[letter.message.state])
    if letter.message.releaser is None:
        return state
    return _("%(state)s: %(name)s", state=state, name=names.get(letter.message.releaser, ""))
