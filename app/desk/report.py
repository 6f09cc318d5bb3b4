"""One report: open, read, take, describe, note, write. What is decided about it is in `app.desk.links`."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

from flask import g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.cases import links
from app.cases.vocabulary import label
from app.desk import labels, suggestions
from app.desk.pages import bp, number, paragraphs, render
from app.desk.queue import chips, state_of, time_words
from app.errors import BusyError, MalformedError, NoLeaseError, PaivandError, RefusedError
from app.i18n.text import day_text, force_locale, ngettext
from app.i18n.text import gettext as _
from app.members.policy import Permission, may
from app.reports import answers, letters, queue, triage
from app.reports.overview import Known, overview
from app.reports.records import Letter, Opened
from app.reports.states import CLOSED, CLOSINGS, IN_WORK, may_go
from app.reports.triage import Conversation
from app.store.reports import Report, ReportState
from app.web.deps import deps
from app.web.gate import allow
from app.web.labels import roles_text
from app.web.refusals import refusal_for
from app.web.sessions import actor, signed_in
from app.web.staff import member_names

NEW_INCIDENT: Final = ("incident_title", "incident_when", "incident_place", "act_type", "victim_relation", "victim_name", "victim_minor")
NEW_CASE: Final = ("case_title", "exile_names", "exile_label", *NEW_INCIDENT)
_REASONS: Final = ("unlink_reason", "closing_reason", "withdraw_reason", "reopen_reason")
_BOXES: Final = (
    *("gist", "summary", "translation", "note", "message"),
    *("other_case", "duplicate_of", "duplicate_ref"),
    *_REASONS,
    *NEW_CASE,
)
_MOST_CHOICES: Final = 50  # in one list to choose from


@bp.post("/reports/<uuid:report_id>/open")
@allow(Permission.OPEN_REPORT)
def open_report(report_id: UUID) -> ResponseReturnValue:
    """Open a report for an hour; the opening is an entry."""
    with deps().database.read() as reading:
        overview(reading, actor())  # before the lock is taken: with many reports this takes long

    def act(session: Session) -> None:
        triage.open_report(session, actor(), signed_in().keys.id, report_id, now=deps().clock())

    return act_on(report_id, act)


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

    return act_on(report_id, act)


@bp.post("/reports/<uuid:report_id>/leave")
@allow(Permission.TRIAGE)
def leave_report(report_id: UUID) -> ResponseReturnValue:
    """Give a report back."""

    def act(session: Session) -> None:
        triage.leave(session, actor(), signed_in().keys.id, report_id, version=number("version"), now=deps().clock())

    return act_on(report_id, act)


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

    return act_on(report_id, act)


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
            gist=typed("gist"),
            summary=typed("summary"),
            translation=typed("translation"),
            version=number("version"),
            now=deps().clock(),
        )

    return act_on(report_id, act, "gist", "summary", "translation")


@bp.post("/reports/<uuid:report_id>/notes")
@allow(Permission.TRIAGE)
def add_note(report_id: UUID) -> ResponseReturnValue:
    """Add a note for the team."""

    def act(session: Session) -> None:
        triage.add_note(session, actor(), signed_in().keys.id, report_id, text=typed("note"), now=deps().clock())

    return act_on(report_id, act, "note")


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
            text=_neutral_text(language) if neutral else typed("message"),
            language=language,
            now=deps().clock(),
            neutral=neutral,
        )

    return act_on(report_id, act, "message")


def act_on(
    report_id: UUID,
    act: Callable[[Session], None],
    *fields: str,
    words: Mapping[type[PaivandError], str] | None = None,
    then: str | None = None,
) -> ResponseReturnValue:
    """Act in one transaction. The page is one form: whatever else was typed comes back, after a refusal all of it.

    Args:
        report_id: the report.
        act: what the button does.
        fields: the boxes that are done with when it is done.
        words: error class → what to say of it here, instead of the general words.
        then: where to go; the report's page if there is none, or while something there is not saved.
    """
    boxes = {name: typed(name) for name in _BOXES if name in request.form}
    try:
        with deps().database.write() as session:
            report = session.get(Report, report_id)
            is_stale = report is not None and report.version != number("version")
            act(session)
    except (RefusedError, MalformedError, BusyError) as error:
        refusal = refusal_for(error)
        said = (words or {}).get(type(error)) or f"{refusal.title}. {refusal.text} {refusal.todo}"
        try:
            return _page(report_id, boxes=boxes, alert={"kind": "warn", "text": said}), refusal.status
        except RefusedError:
            raise error from None
    others = {name: text for name, text in boxes.items() if name not in fields}
    with suppress(PaivandError):  # it is done: whatever cannot be shown now must not say otherwise
        if _is_unsaved(report_id, others):
            alert = {"kind": "note", "text": _("Done. What you typed elsewhere on this page is still here, not saved yet.")}
            return _page(report_id, boxes=others, alert=alert, version=number("version") if is_stale else None, onward=then)
    return redirect(then or url_for("desk.show_report", report_id=report_id), 303)


def _is_unsaved(report_id: UUID, boxes: dict[str, str]) -> bool:
    """Whether a box holds anything that is not stored."""
    if not any(boxes.values()):
        return False
    with deps().database.read() as session:
        work = triage.leased(session, actor(), signed_in().keys.id, report_id, now=deps().clock()).work
    stored = {"gist": work.gist, "summary": work.summary, "translation": work.translation}
    return any(text != stored.get(name, "") for name, text in boxes.items())


def typed(name: str) -> str:
    """Return what was typed into a box."""
    return answers.tidy(request.form.get(name, ""))


def _page(
    report_id: UUID,
    *,
    boxes: dict[str, str] | None = None,
    alert: dict[str, str] | None = None,
    version: int | None = None,
    onward: str | None = None,
) -> str:
    """Render the page; with an older `version` where its boxes were filled before somebody else saved."""
    here, me = deps(), actor()
    with here.database.read() as session:
        talk = triage.read_conversation(session, me, signed_in().keys.id, report_id, now=here.clock())
        written, lost = letters.letters_of(session, me, talk.opened)
        names = member_names(session)
        beside = _beside(session, talk, names)
    report, summary, work = talk.opened.report, talk.opened.summary, talk.opened.work
    known = Known.of(talk.opened)
    is_answered = queue.is_answered(known, 1 + len(talk.additions) + talk.arrived)
    state, kind = state_of(talk.opened, is_answered=is_answered)
    language = summary["language"]
    is_done = report.state is ReportState.ACCEPTED or report.state in CLOSED
    return render(
        "desk/report.html",
        t=boxes or {},
        alert=alert,
        onward=onward,
        neutral_text=_neutral_text(language),
        r={
            "id": report.id,
            "ref": queue.ref_of(report.id),
            "version": report.version if version is None else version,
            "title": work.gist or _("No gist yet"),
            "chips": chips(summary),
            "left": None if is_done else time_words(*queue.time_left(known, here.clock())),
            "week": report.week[-2:],
            "language": labels.language_name(language),
            "lang": language,
            "mine": report.owner == me.member_id,
            "owner": names.get(owner) if (owner := queue.owner_of(report, me.chain)) else None,
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
            "damaged": talk.damaged_additions + lost > 0,
            "arrived": talk.arrived,
            "moves": _moves(report.state),
            "closing": _closing(work.closing, names, me.member_id),
            "closed": _closed(talk, names),
            "repeated_by": [queue.ref_of(UUID(item)) for item in work.repeated_by],
            **beside,
        },
    )


def _beside(session: Session, talk: Conversation, names: dict[str, str]) -> dict[str, Any]:
    """Return what stands beside a report: cases it may belong to, its links, and what else can be decided about it."""
    here, me, opened = deps(), actor(), talk.opened
    state, is_mine = opened.report.state, opened.report.owner == me.member_id
    linked, lost = links.links_of(session, me, opened)
    is_linkable = state in (*IN_WORK, ReportState.ACCEPTED) and opened.work.closing is None
    is_open = state not in CLOSED
    found = links.suggestions_for(session, me, opened, talk.body) if is_open else []
    may_decide = is_mine and state in IN_WORK and opened.work.closing is None
    known = may_decide and queue.has_lease(session, signed_in().keys.id, queue.QUEUE, here.clock())
    rows = queue.select_repeatable(queue.read_queue(session, me, now=here.clock()), opened.report.id) if known else []
    rows = rows if len(rows) <= _MOST_CHOICES else []  # then the code is typed
    shown = queue.open_rows(session, me, rows)
    return {
        "open": is_open,
        "suggestions": suggestions.suggestion_groups(found, linked, names),
        "other_cases": suggestions.case_choices(links.all_cases(session, me)) if is_open else [],
        "links": suggestions.link_rows(linked, names),
        "lost_links": lost,
        "may_link": is_mine and is_linkable,
        "may_unlink": is_mine and state is ReportState.ACCEPTED,
        "may_decide": may_decide,
        "may_withdraw": is_mine and may_go(state, ReportState.WITHDRAWN, "report.withdrawn"),
        "repeatable": [{"id": row.report.id, "text": f"{queue.ref_of(row.report.id)} – {_gist(shown.get(row.report.id))}"} for row in rows],
        "act_types": suggestions.act_choices(),
        "relations": suggestions.choices("relation"),
        "minors": suggestions.choices("yes_no"),
        "closings": suggestions.grouped("closing_reason", [(state.value, str(labels.STATES[state][0])) for state in CLOSINGS]),
    }


def _gist(opened: Opened | None) -> str:
    return (opened.work.gist if opened else "") or _("No gist yet")


def _roles_of(member_id: str) -> frozenset[str]:
    member = actor().chain.newest.members.get(member_id)
    return member.roles if member else frozenset()


def _neutral_text(language: str) -> str:
    with force_locale(deps().languages.choose(language)):
        return _("There is a question for you. You can answer here, or leave it. Only if it is safe for you.")


def _numbered(text: str) -> list[dict[str, Any]]:
    return [{"n": at, "text": part} for at, part in enumerate(paragraphs(text), start=1)]


def _steps(state: ReportState, words: str) -> list[dict[str, Any]]:
    if state in (ReportState.RECEIVED, ReportState.ADDED):
        texts, at = [_("Received"), _("In triage"), _("Accepted")], 0
    elif state is ReportState.IN_TRIAGE or state is ReportState.URGENT:
        texts, at = [_("Received"), words, _("Accepted")], 1
    elif state is ReportState.NEEDS_INFORMATION:
        texts, at = [_("Received"), _("In triage"), words, _("Accepted")], 2
    else:
        texts, at = [_("Received"), _("In triage"), words], 2
    return [{"text": text, "done": place < at, "current": place == at} for place, text in enumerate(texts)]


def _missing(talk: Conversation, member_id: str) -> str:
    report, work = talk.opened.report, talk.opened.work
    if report.state in CLOSED:
        return ""
    if queue.owner_of(report, actor().chain) is None:
        return _("Next: somebody takes this report.")
    if report.owner != member_id:
        return ""
    if not work.gist:
        return _("Missing: a gist for the queue.")
    if not work.summary:
        return _("Missing: a summary.")
    if report.state in IN_WORK and work.closing is None:
        return _("To accept it: link at least one incident.")
    return ""


def _moves(state: ReportState) -> list[tuple[str, str]]:
    """Return (state, words) of what its owner may mark it as."""
    moves = []
    if may_go(state, ReportState.URGENT, "report.moved"):
        moves.append((ReportState.URGENT.value, _("Mark as urgent")))
    if may_go(state, ReportState.IN_TRIAGE, "report.moved"):
        words = _("No longer urgent") if state is ReportState.URGENT else _("Take it up again")
        moves.append((ReportState.IN_TRIAGE.value, words))
    return moves


def _closing(asked: dict[str, str] | None, names: dict[str, str], member_id: str) -> dict[str, Any] | None:
    """Return who asked to close a report, as what and why."""
    if asked is None:
        return None
    to = ReportState(asked["to"])
    words = {
        "name": names.get(asked["by"], ""),
        "role": roles_text(_roles_of(asked["by"])),
        "day": day_text(asked["day"]),
        "why": label("closing_reason", asked["reason"], g.lang),
    }
    return {"text": str(labels.ASKED[to]) % words, "button": str(labels.CONFIRM[to]), "mine": asked["by"] == member_id}


def _closed(talk: Conversation, names: dict[str, str]) -> dict[str, Any] | None:
    """Return who closed a report, with whom and why."""
    report, done = talk.opened.report, talk.opened.work.closed
    if report.state not in CLOSED:
        return None
    done = done or {"by": "", "second": "", "reason": "", "day": ""}
    is_lead = may(actor().roles, Permission.REOPEN_REPORT)
    return {
        "who": names.get(done["by"], ""),
        "second": names.get(done["second"], ""),
        "why": label("closing_reason", done["reason"], g.lang) if done["reason"] else "",
        "day": day_text(done["day"]) if done["day"] else "",
        "may_reopen": is_lead and may_go(report.state, ReportState.IN_TRIAGE, "report.reopened"),
        "is_final": report.state is ReportState.WITHDRAWN,
    }


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
