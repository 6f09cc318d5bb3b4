"""The queue's pages. A GET never writes: looking is a POST that leaves an entry and an hour of view."""

from collections import Counter
from typing import Any, Final
from uuid import UUID

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from app.desk import labels
from app.desk.pages import bp, render
from app.errors import NoLeaseError, UnknownError
from app.i18n.text import gettext as _
from app.i18n.text import ngettext
from app.members.policy import Permission
from app.reports import queue
from app.reports.admit import count_waiting
from app.reports.overview import overview
from app.reports.queue import Group, QueueRow, View
from app.reports.records import Opened
from app.reports.triage import open_report
from app.store.reports import ReportState
from app.web.deps import deps
from app.web.gate import allow
from app.web.sessions import actor, head_keeper, signed_in
from app.web.staff import member_names

PAGE: Final = 50
_BAR = 40
_SOON = 2


@bp.get("/queue")
@allow(Permission.VIEW_QUEUE)
def show_queue() -> ResponseReturnValue:
    """Show everything that is open."""
    return _show(View.OPEN, 1)


@bp.get("/queue/<view>")
@bp.get("/queue/<view>/<int:page>")
@allow(Permission.VIEW_QUEUE)
def show_view(view: str, page: int = 1) -> ResponseReturnValue:
    """Show one of the fixed views, fifty rows at a time."""
    if view not in set(View) or page < 1:
        raise UnknownError
    return _show(View(view), page)


@bp.post("/queue")
@allow(Permission.VIEW_QUEUE)
def look() -> ResponseReturnValue:
    """Take waiting reports in and begin an hour of looking."""
    here = deps()
    queue.look(here.database, actor(), signed_in().keys.id, now=here.clock(), heads=head_keeper())
    return redirect(url_for("desk.show_queue"), 303)


@bp.post("/queue/next")
@allow(Permission.OPEN_REPORT)
def open_next() -> ResponseReturnValue:
    """Open the most urgent report that nobody has."""
    here = deps()
    with here.database.read() as reading:
        overview(reading, actor())
    with here.database.write() as session:
        if not queue.has_lease(session, signed_in().keys.id, queue.QUEUE, here.clock()):
            raise NoLeaseError
        rows = queue.read_queue(session, actor(), now=here.clock())
        row = _next(rows)
        if row is None:
            raise UnknownError
        open_report(session, actor(), signed_in().keys.id, row.report.id, now=here.clock())
    return redirect(url_for("desk.show_report", report_id=row.report.id), 303)


def chips(summary: dict[str, Any]) -> list[dict[str, str]]:
    """Return the flags of a report, most pressing first."""
    found = []
    if summary["danger"] == "now":
        found.append({"text": _("Danger"), "kind": "risk"})
    elif summary["danger"] == "soon":
        found.append({"text": _("Danger soon"), "kind": "care"})
    if "sexual-violence" in summary["flags"]:
        found.append({"text": _("Sexual violence"), "kind": "care"})
    if summary["reply"] == "unsafe":
        found.append({"text": _("A message could endanger"), "kind": "care"})
    return found


def time_words(days_left: int, target: int) -> dict[str, Any]:
    """Return the time left in words, and the share of it that is used up."""
    used = min(_BAR, max(0, _BAR * (target - days_left) // target))
    if days_left < 0:
        text = ngettext("%(num)d day over", "%(num)d days over", -days_left)
        return {"text": text, "kind": "over", "of": "", "share": _BAR}
    if days_left == 0:
        return {"text": _("due today"), "kind": "due", "of": "", "share": _BAR}
    text = ngettext("%(num)d day left", "%(num)d days left", days_left)
    of = ngettext("of %(num)d day", "of %(num)d days", target)
    return {"text": text, "kind": "due" if days_left <= _SOON < target else "", "of": of, "share": used}


def state_words(state: ReportState, *, is_answered: bool = False) -> tuple[str, str]:
    """Return a state as word and shape."""
    if is_answered:
        return _("Source answered"), "half"
    text, kind = labels.STATES[state]
    return str(text), kind


def state_of(opened: Opened, *, is_answered: bool = False) -> tuple[str, str]:
    """Return the state of a report as word and shape; a duplicate says of what."""
    text, kind = state_words(opened.report.state, is_answered=is_answered)
    if opened.report.state is ReportState.DUPLICATE and opened.work.same_as:
        text = _("Duplicate of %(ref)s", ref=queue.ref_of(UUID(opened.work.same_as)))
    return text, kind


def _show(view: View, page: int) -> ResponseReturnValue:
    here, title = deps(), str(labels.VIEWS[view])
    with here.database.read() as session:
        waiting = count_waiting(session)
        if not queue.has_lease(session, signed_in().keys.id, queue.QUEUE, here.clock()):
            return render(
                "desk/queue.html",
                looked=False,
                waiting=waiting,
                view={"name": view, "title": title},
                views=[],
                groups=[],
                next=False,
            )
        rows = queue.read_queue(session, actor(), now=here.clock())
        chosen = queue.select_view(rows, view, actor().member_id)
        pages = max(1, -(-len(chosen) // PAGE))
        shown = chosen[PAGE * (min(page, pages) - 1) :][:PAGE]
        opened = queue.open_rows(session, actor(), shown)
        names = member_names(session)
    counts = Counter(row.group for row in chosen)
    groups = [
        {
            "title": str(labels.GROUPS[group]),
            "count": counts[group],
            "rows": [_cells(row, opened.get(row.report.id), names) for row in shown if row.group is group],
        }
        for group in Group
    ]
    return render(
        "desk/queue.html",
        looked=True,
        waiting=waiting,
        view={"name": view, "title": title},
        views=_views(rows, view),
        groups=[group for group in groups if group["rows"]],
        found=len(chosen),
        turns=_turns(view, min(page, pages), pages),
        next=_next(rows) is not None,
        empty={"title": _("Nothing here"), "text": str(labels.EMPTY[view])},
    )


def _turns(view: View, page: int, pages: int) -> dict[str, Any]:
    """Return where the other pages are; nothing where there is one only."""

    def url(number: int) -> str | None:
        return url_for("desk.show_view", view=view, page=number) if 1 <= number <= pages else None

    return {"page": page, "pages": pages, "before": url(page - 1), "after": url(page + 1)}


def _next(rows: list[QueueRow]) -> QueueRow | None:
    return next((row for row in rows if row.group is Group.URGENT and row.owner is None), None)


def _views(rows: list[QueueRow], current: View) -> list[dict[str, Any]]:
    def item(view: View) -> dict[str, Any]:
        return {
            "title": str(labels.VIEWS[view]),
            "url": url_for("desk.show_queue") if view is View.OPEN else url_for("desk.show_view", view=view),
            "count": len(queue.select_view(rows, view, actor().member_id)),
            "current": view is current,
        }

    return [
        {"title": _("Mine"), "items": [item(view) for view in (View.MINE, View.NEW, View.WAITS)]},
        {"title": _("Team"), "items": [item(view) for view in (View.OPEN, View.URGENT, View.NOBODY, View.SECOND)]},
        {"title": _("Done"), "items": [item(view) for view in (View.ACCEPTED, View.CLOSED)]},
    ]


def _cells(row: QueueRow, opened: Opened | None, names: dict[str, str]) -> dict[str, Any]:
    report = row.report
    cells: dict[str, Any] = {
        "id": report.id,
        "ref": queue.ref_of(report.id),
        "week": report.week[-2:],
        "left": None if row.days_left is None else time_words(row.days_left, row.target),
        "owner": names.get(row.owner) if row.owner else None,
        "state": dict(zip(("text", "kind"), _state_of(row, opened), strict=True)),
        "unread": row.unread > 0,
    }
    if opened is None:
        damaged = _("Does not match its seal. The other records are unharmed.")
        return {
            **cells,
            "title": _("Damaged: does not open"),
            "opened": False,
            "chips": [],
            "meta": damaged,
            "news": None,
        }
    summary = opened.summary
    size = labels.SIZES[summary["size"]]
    return {
        **cells,
        "title": opened.work.gist or (_("Not yet opened") if row.is_new and row.owner is None else _("No gist yet")),
        "opened": bool(opened.work.gist),
        "news": _news(row),
        "chips": [*chips(summary), *_decided(opened)],
        "meta": f"{size}, {labels.language_name(summary['language'])}",
    }


def _decided(opened: Opened) -> list[dict[str, str]]:
    """Return what was decided, or half decided, about a report."""
    if opened.work.closing is not None:
        return [{"text": _("Closing asked: 1 of 2"), "kind": ""}]
    live = sum(item["ended"] is None for item in opened.work.links)
    if opened.report.state is ReportState.ACCEPTED and live:
        return [{"text": ngettext("%(num)d link", "%(num)d links", live), "kind": ""}]
    return []


def _news(row: QueueRow) -> str | None:
    if not row.unread:
        return None
    if row.is_new:
        return _("New")
    return ngettext("%(num)d message", "%(num)d messages", row.unread)


def _state_of(row: QueueRow, opened: Opened | None) -> tuple[str, str]:
    return state_of(opened, is_answered=row.is_answered) if opened else state_words(ReportState.DAMAGED)
