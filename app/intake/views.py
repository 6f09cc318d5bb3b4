"""The source's pages. All that hold input or answers are answers to a POST at one bland address (threat model, M13)."""

import hmac
import secrets
from pathlib import Path
from typing import Any, Final

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, send_from_directory
from flask.typing import ResponseReturnValue

from app.errors import BusyError, MalformedError, ManifestError, MistypedError
from app.i18n.languages import direction
from app.i18n.text import gettext as _
from app.intake.consent import consent
from app.intake.forms import BOX, CODE, WRITE, new_token, read_fields, sent_secret
from app.intake.words import notice_old, notice_strange, problem
from app.members.policy import Permission
from app.reports import answers, calendar
from app.reports.mailbox import read_mailbox
from app.reports.receive import Received, Sending, receive_addition, receive_first
from app.vault import receipt
from app.vault.mailbox import Reply
from app.web.deps import Deps, deps
from app.web.gate import allow
from app.web.refusals import log_failure

bp = Blueprint("intake", __name__, template_folder="templates")
Typed = dict[str, str | list[str]]

_STATIC: Final = Path(__file__).parent / "static"
_BOX_FIELDS: Final = ("text",)
_CODE_FIELDS: Final = ("code", "text")
_SLOT: Final = "a token goes here"
LEFT: Final = "__Host-x"
LEFT_SECONDS: Final = 3 * 3600  # as long as a form token can live


@bp.get("/")
@allow(Permission.PUBLIC)
def show_landing() -> ResponseReturnValue:
    """Say calmly what this is; the only page that is not an answer to a POST, and it holds no input."""
    return render_template("intake/landing.html", left=request.cookies.get(LEFT), **_common())


@bp.post("/")
@allow(Permission.PUBLIC)
def change_language() -> ResponseReturnValue:
    """Show the landing page in another language."""
    return render_template("intake/landing.html", left=request.cookies.get(LEFT), **_common())


@bp.post("/f")
@allow(Permission.PUBLIC)
def take_form() -> ResponseReturnValue:
    """Do what the pressed button says; after *Leave*, a page that is sent again shows nothing until somebody begins anew."""
    if not has_left():
        return _act()
    if "do" not in request.form and hmac.compare_digest(request.form.get("x", ""), request.cookies[LEFT]):
        answer = make_response(_act())
        answer.delete_cookie(LEFT, secure=True, httponly=True, samesite="Strict", path="/")
        return answer
    return _act() if request.form.get("do") in ("send", "add") else redirect("/", 303)


@bp.get("/f")
@allow(Permission.PUBLIC)
def begin_again() -> ResponseReturnValue:
    """A page that was an answer to a POST has no address of its own."""
    return redirect("/", 303)


@bp.get("/x")
@allow(Permission.PUBLIC)
def leave() -> ResponseReturnValue:
    """Leave at once: to another site, with the browser asked to forget and a changed throw-away cookie (threat model, M13)."""
    answer = redirect(deps().config.leave, 303)
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'  # not "cookies": the one set here must live
    answer.set_cookie(LEFT, secrets.token_urlsafe(8), max_age=LEFT_SECONDS, secure=True, httponly=True, samesite="Strict", path="/")
    return answer


@bp.get("/f.css")
@allow(Permission.PUBLIC)
def style() -> ResponseReturnValue:
    """Serve the one sheet."""
    return send_from_directory(_STATIC, "f.css", conditional=False, etag=False)


@bp.get("/favicon.ico")
@allow(Permission.PUBLIC)
def icon() -> ResponseReturnValue:
    """Answer with nothing: no picture may stand in a tab or a history."""
    return Response(status=204)


def _act() -> ResponseReturnValue:
    match request.form.get("do") or request.form.get("go"):
        case "send":
            return _send()
        case "code":
            return _show_code()
        case "open":
            return _open_mailbox()
        case "add":
            return _add()
        case "write":
            return _show_write({})
        case _:
            typed, _strange = read_fields(answers.FIELDS)
            return _show_write(typed)


def has_left() -> bool:
    """Whether somebody left here a short while ago and has not begun anew: then Back and Reload must not bring a page back."""
    return LEFT in request.cookies


def _send() -> ResponseReturnValue:
    typed, strange = read_fields(answers.FIELDS)
    secret, faults = sent_secret(WRITE), answers.faults(typed)
    if receipt.is_code(str(typed.get("text", ""))):
        faults["text"] = "a-code"
    if has_left() and (strange or faults or secret is None):
        return redirect("/", 303)
    if strange:
        return _show_write(typed, notice=notice_strange(), faults=faults, status=422)
    if faults:
        return _show_write(typed, faults=faults, status=422)
    if secret is None:
        return _show_write(typed, notice=notice_old(), status=422)
    here, collected = deps(), answers.collect(typed)
    sending = Sending("short-1", g.lang, consent().digest, collected, here.clock(), here.hour)
    try:
        mine = here.offload.derive(receipt.derive, secret, here.chain.root)
        received = here.offload.store(_receive, here, secret, mine, sending)
    except MalformedError:
        return _show_write(typed, faults={"text": "long"}, status=422)
    except (BusyError, ManifestError) as error:
        log_failure(error)
        busy = _("It could not be stored just now. Please press Send again.")
        return _show_write(typed, notice=busy, secret=secret, status=503)
    if has_left() and not received.is_new:
        return redirect("/", 303)
    return _show_receipt(received.secret, collected)


def _show_write(
    typed: Typed,
    *,
    notice: str | None = None,
    faults: dict[str, str] | None = None,
    secret: bytes | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    """Show the form; after a failure that may have come too late, with the same secret, so that a resend is the same report."""
    token = new_token(WRITE, secret or receipt.new_secret())
    if not (typed or notice or faults):
        return _blank_form().replace(_SLOT, token), status
    return _render_form(typed, notice, faults or {}, token), status


def _blank_form() -> str:
    """Return the empty form, alike for everybody but for its token: rendered once per language (docs/performance.md)."""
    pages = deps().blank_forms
    if g.lang not in pages:
        pages[g.lang] = _render_form({}, None, {}, _SLOT)
    return pages[g.lang]


def _render_form(typed: Typed, notice: str | None, faults: dict[str, str], token: str) -> str:
    return render_template(
        "intake/write.html",
        v=typed,
        notice=notice,
        errors=_problems(faults, typed),
        token=token,
        consent=consent(),
        **_common(),
    )


def _show_receipt(secret: bytes, given: dict[str, Any]) -> ResponseReturnValue:
    groups = receipt.to_digits(secret).split()
    words = receipt.to_words(secret, g.lang) if g.lang in receipt.WORD_LANGUAGES else None
    lines = [" ".join(groups[at : at + 3]) for at in (0, 3, 6)]
    return render_template("intake/receipt.html", lines=lines, words=words, given=given, **_common()), 201


def _show_code(
    typed: Typed | None = None, *, notice: str | None = None, fault: str | None = None, status: int = 200
) -> ResponseReturnValue:
    page = render_template(
        "intake/code.html",
        v=typed or {},
        notice=notice,
        errors=_problems({"code": fault} if fault else {}, {"code": (typed or {}).get("unknown", "")}),
        token=new_token(CODE),
        **_common(),
    )
    return page, status


def _open_mailbox() -> ResponseReturnValue:
    typed, strange = read_fields(_CODE_FIELDS)
    code = str(typed.get("code", ""))
    if strange:
        return _show_code(typed, notice=notice_strange(), status=422)
    if sent_secret(CODE) is None:
        return _show_code(typed, notice=notice_old(), status=422)
    try:
        if len(code) > receipt.MAX_CODE:
            raise MalformedError
        secret = receipt.read_code(code)
    except MistypedError:
        return _show_code(typed, fault="mistyped", status=422)
    except MalformedError:
        strange_words = receipt.unknown_words(code) if len(code) <= receipt.MAX_CODE else []
        fault = "words" if strange_words else "code" if code.strip() else "no-code"
        return _show_code({**typed, "unknown": strange_words}, fault=fault, status=422)
    kept: Typed = {"text": typed["text"]} if typed.get("text") else {}
    return _show_mailbox(secret, kept)


def _add() -> ResponseReturnValue:
    typed, strange = read_fields(_BOX_FIELDS)
    secret = sent_secret(BOX)
    if has_left() and (strange or secret is None):
        return redirect("/", 303)
    if secret is None:
        return _show_code(typed, notice=_kept(typed), status=422)
    faults = answers.faults(typed)
    if receipt.is_code(str(typed.get("text", ""))):
        faults["text"] = "a-code"
    if strange or faults:
        return _show_mailbox(secret, typed, notice=notice_strange() if strange else None, faults=faults, status=422)
    here = deps()
    sending = Sending("mailbox-1", g.lang, None, answers.collect(typed), here.clock(), here.hour)
    mine = here.offload.derive(receipt.derive, secret, here.chain.root)
    try:
        is_new = here.offload.store(_receive_addition, here, mine, sending)
    except MalformedError:
        return _show_mailbox(secret, typed, faults={"text": "long"}, status=422)
    except (BusyError, ManifestError) as error:
        log_failure(error)
        busy = _("It could not be stored just now. Please press Send again.")
        return _show_mailbox(secret, typed, notice=busy, status=503)
    if has_left() and not is_new:
        return redirect("/", 303)
    return _show_mailbox(secret, {}, mine=mine, sent=True, status=201)


def _show_mailbox(
    secret: bytes,
    typed: Typed,
    *,
    mine: receipt.Receipt | None = None,
    notice: str | None = None,
    faults: dict[str, str] | None = None,
    sent: bool = False,
    status: int = 200,
) -> ResponseReturnValue:
    here = deps()
    keys = mine or here.offload.derive(receipt.derive, secret, here.chain.root)
    try:
        replies = here.offload.store(_read_mailbox, here, keys)
    except BusyError:
        if not sent:
            raise
        replies = []  # it is stored: that is what has to be said now
    now = here.clock()
    page = render_template(
        "intake/mailbox.html",
        messages=[{"text": item.text, "weeks": calendar.weeks_between(item.day, now)} for item in replies],
        v=typed,
        notice=notice,
        errors=_problems(faults or {}, typed),
        token=new_token(BOX, secret),
        sent=sent,
        **_common(),
    )
    return page, status


def _receive(here: Deps, secret: bytes, mine: receipt.Receipt, sending: Sending) -> Received:
    return receive_first(here.database, here.chain.current(), secret, mine, sending)


def _receive_addition(here: Deps, mine: receipt.Receipt, sending: Sending) -> bool:
    return receive_addition(here.database, here.chain.current(), mine, sending)


def _read_mailbox(here: Deps, mine: receipt.Receipt) -> list[Reply]:
    chain = here.chain.current()
    with here.database.read() as session:
        return read_mailbox(session, mine, chain)


def _problems(faults: dict[str, str], typed: Typed) -> list[dict[str, str]]:
    return [{"field": field, "text": problem(fault, field, typed.get(field, ""))} for field, fault in faults.items()]


def _kept(typed: Typed) -> str:
    if typed.get("text"):
        return _("This page was open for a long time. Please enter your code once more. What you wrote is kept.")
    return notice_old()


def _common() -> dict[str, object]:
    here = deps()
    return {
        "lang": g.lang,
        "dir": direction(g.lang),
        "languages": here.languages.buttons(g.lang),
        "demo": not here.config.production,
    }
