"""The log: as a list, by choices, and as a file. Reading it leaves no entry; taking a copy away does."""

import csv
import io
from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final

from flask import make_response, request, url_for
from flask.typing import ResponseReturnValue

from app.audit import words
from app.audit.choice import Choice
from app.audit.entries import Entry
from app.audit.pages import Log, bp, read_log, render
from app.errors import MalformedError
from app.i18n.text import gettext as _
from app.i18n.text import ngettext
from app.ledger.append import append
from app.members.policy import Permission
from app.vault.encoding import sha256, to_b64
from app.web.deps import deps
from app.web.gate import allow
from app.web.labels import roles_text
from app.web.sessions import actor

PAGE: Final = 50
_MAX_DIGITS: Final = 11
_FORMULA: Final = tuple("=+-@\t\r\n＝＋－＠")
Row = tuple[int, Entry | None]


@bp.get("/log")
@allow(Permission.READ_LEDGER)
def show_log() -> ResponseReturnValue:
    """Show the head, and all entries as far as the audit secret opens them; newest first."""
    with deps().database.read() as session:
        log = read_log(session)
    return _page(log, Choice(), _before(request.args.get("before", ""), log))


@bp.post("/log")
@allow(Permission.READ_LEDGER)
def filter_log() -> ResponseReturnValue:
    """Show the entries that fit the choices; the choices stand in no address."""
    choice = Choice.read(request.form)
    with deps().database.read() as session:
        log = read_log(session)
    page = _page(log, choice, _before(request.form.get("before", ""), log))
    return page if _is_known(log, choice) else (page, 422)


@bp.post("/log.csv")
@allow(Permission.READ_LEDGER)
def download_log() -> ResponseReturnValue:
    """Hand the chosen entries out as a file; that they were is an entry, written before the first byte leaves."""
    choice = Choice.read(request.form)
    if not choice.is_readable:
        raise MalformedError
    here = deps()
    with here.database.read() as session:
        log = read_log(session)
    rows = _chosen(log, choice)
    raw = _file(log, rows)
    details = {"entries": len(rows), "digest": sha256(raw).hex(), "filter": choice.values}
    with here.database.write() as session:  # nobody who writes waits until a long log is opened
        append(session, actor(), "log.exported", now=here.clock(), details=details)
    answer = make_response(raw)
    answer.headers["Content-Type"] = "text/csv; charset=utf-8"
    answer.headers["Content-Disposition"] = f'attachment; filename="log-{log.head.size}.csv"'
    return answer


def _page(log: Log, choice: Choice, before: int) -> str:
    rows = _chosen(log, choice)
    start = next((at for at, (index, _entry) in enumerate(rows) if index < before), len(rows))
    shown = rows[start : start + PAGE]
    turns = {
        "newer": rows[max(0, start - PAGE)][0] + 1 if start else None,
        "older": rows[start + PAGE - 1][0] if start + PAGE < len(rows) else None,
    }
    return render(
        "audit/log.html",
        head={"origin": log.head.origin, "size": log.head.size, "root": to_b64(log.head.root)},
        groups=_groups(log, shown),
        found=len(rows),
        choice=choice.values,
        is_any=choice.is_any,
        options=_options(log),
        turns=turns,
        urls={name: url_for("audit.show_log", before=value) for name, value in turns.items() if value is not None},
        alert=_alert(log, choice, shown),
    )


def _alert(log: Log, choice: Choice, shown: Sequence[Row]) -> dict[str, str] | None:
    shut = sum(entry is None for _index, entry in shown)
    if shut:
        text = ngettext(
            "%(num)d entry on this page does not open, and no erasure explains it. Ask a lead about it.",
            "%(num)d entries on this page do not open, and no erasure explains it. Ask a lead about it.",
            shut,
        )
        return {"kind": "risk", "text": text}
    if not _is_known(log, choice):
        return {"kind": "warn", "text": _("The log knows no such case. A case’s code looks like C-0002.")}
    return None


def _is_known(log: Log, choice: Choice) -> bool:
    return not choice.case or choice.case in log.cases


def _before(text: str, log: Log) -> int:
    return min(int(text), log.head.size) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else log.head.size


def _chosen(log: Log, choice: Choice) -> list[Row]:
    """Return the entries that fit, newest first; where nothing was chosen, also those that do not open."""
    rows: list[Row] = [(entry.index, entry) for entry in log.entries if choice.fits(entry, log.sights[entry.index])]
    if choice.is_any:
        rows += [(index, None) for index in log.shut]
    return sorted(rows, key=lambda row: row[0], reverse=True)


def _groups(log: Log, shown: Sequence[Row]) -> list[dict[str, Any]]:
    """Put rows together by week; one that does not open tells no week and stays with its neighbour."""
    week = next((entry.week for _index, entry in shown if entry), "")
    weeks = []
    for _index, entry in shown:
        week = entry.week if entry else week
        weeks.append(week)
    return [
        {
            "title": words.week_text(week),
            "rows": [words.cells(entry, log) if entry else {"index": index, "shut": True} for _week, (index, entry) in found],
        }
        for week, found in groupby(zip(weeks, shown, strict=True), key=lambda pair: pair[0])
    ]


def _options(log: Log) -> dict[str, list[tuple[str, str]]]:
    members = {entry.actor: log.name(entry.actor) for entry in log.entries}
    types = {entry.type: words.act_text(entry.type) for entry in log.entries if entry.type}
    weeks = sorted({entry.week for entry in log.entries if entry.week}, reverse=True)
    return {
        "what": [(what.value, str(text)) for what, text in words.WHATS.items()],
        "eyes": [("", _("Any")), *((eyes.value, str(text)) for eyes, text in words.EYES.items())],
        "member": [("", _("Anybody")), *sorted(members.items(), key=lambda item: item[1])],
        "type": [("", _("Any")), *sorted(types.items(), key=lambda item: item[1])],
        "week": [("", _("The first")), *((week, words.week_text(week)) for week in weeks)],
    }


def _file(log: Log, rows: Sequence[Row]) -> bytes:
    """Write the columns of the list as CSV (RFC 4180), UTF-8 with a mark at its start so that spreadsheets read it as such."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        [
            _("Entry"),
            _("Day"),
            _("Week"),
            _("What"),
            _("Act"),
            _("More"),
            _("By"),
            _("Role"),
            _("Case"),
            _("Record"),
            _("Grades"),
            _("Level"),
            _("Four eyes"),
            _("Note"),
        ]
    )
    for index, entry in rows:
        if entry is None:
            writer.writerow([index, "", "", _("Does not open"), *[""] * 10])
            continue
        cells = words.cells(entry, log)
        level = cells["level"]
        columns = [
            entry.day,
            entry.week,
            cells["kind"],
            cells["type"],
            "; ".join(cells["more"]),
            cells["actor"],
            roles_text(entry.roles),
            entry.case,
            " ".join(text for text in (entry.act, cells["record"]) if text),
            cells["grades"],
            f"{level['code']} {level['text']}" if level else "",
            cells["eyes"]["text"],
            entry.note,
        ]
        writer.writerow([index, *(_harmless(text) for text in columns)])
    return out.getvalue().encode("utf-8-sig")


def _harmless(text: str) -> str:
    """Keep a spreadsheet from taking a text for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
