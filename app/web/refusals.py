"""From a refusal to a page: status, what happened, what was kept, what to do next. No traceback, no content in a log."""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from flask import Flask, make_response
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from app import errors
from app.i18n.text import lazy_gettext as _l

log: Final = logging.getLogger("paivand")


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a person is told."""

    code: str
    status: int
    title: str
    text: str
    todo: str


_TRY_AGAIN: Final = _l("Please try again in a minute.")
_BACK: Final = _l("Go back to the queue and look again.")

REFUSALS: Final[dict[type[Exception], Refusal]] = {
    errors.UnknownError: Refusal("unknown", 404, _l("There is nothing here"), _l("This record does not exist."), _BACK),
    errors.NoLeaseError: Refusal(
        "no-lease",
        403,
        _l("Not open"),
        _l("A report is shown only within an hour of its opening."),
        _l("Open it first."),
    ),
    errors.SamePersonError: Refusal(
        "same-person",
        403,
        _l("Two people are needed"),
        _l("You wrote this yourself. Somebody else releases it."),
        _l("Ask a colleague to look at it."),
    ),
    errors.BarredError: Refusal(
        "barred",
        403,
        _l("Somebody else reviews this"),
        _l("A finding is reviewed by the person whom a lead asked. Who accepted its report or wrote to its source does not review it."),
        _l("Ask a lead who can."),
    ),
    errors.NotWantedError: Refusal(
        "not-wanted",
        403,
        _l("Do not write"),
        _l("This person did not allow such a message. Nothing was sent."),
        _l("Look at what they answered."),
    ),
    errors.ForeignFormError: Refusal(
        "foreign-form", 403, _l("Not accepted"), _l("This form did not come from this site. Nothing was saved."), _l("Begin again.")
    ),
    errors.SignInError: Refusal("sign-in", 401, _l("Sign in"), _l("The session is over."), _l("Sign in again.")),
    errors.ForbiddenError: Refusal(
        "forbidden", 403, _l("Not allowed"), _l("Your role does not allow this."), _l("Speak to a lead if you need it.")
    ),
    errors.TakenError: Refusal(
        "taken",
        409,
        _l("A colleague has this report"),
        _l("Only the person who took a report changes it."),
        _l("Speak to them, or choose another report."),
    ),
    errors.ConflictError: Refusal(
        "conflict",
        409,
        _l("Somebody was faster"),
        _l("This record changed after your page was made. Nothing of yours was saved over it."),
        _l("Look at the newest version, then decide again."),
    ),
    errors.NotYetError: Refusal(
        "not-yet",
        409,
        _l("Another signature comes first"),
        _l("For sexual violence or a minor a protection officer signs first, for a refutation a lead."),
        _l("Wait for their signature, or return the proposal."),
    ),
    errors.DamagedError: Refusal(
        "damaged",
        409,
        _l("Damaged"),
        _l("This record does not match its seal or the log. It is not shown. The other records are unharmed."),
        _l("Tell a lead and the auditor. A backup may hold it whole."),
    ),
    errors.NamedError: Refusal(
        "named",
        422,
        _l("The note names somebody"),
        _l("The auditor reads this note and must not read a name from the case. Nothing was saved."),
        _l("Say it without names."),
    ),
    errors.IncompleteError: Refusal(
        "incomplete",
        422,
        _l("Not complete yet"),
        _l("Something that a proposal needs is missing. Nothing was saved."),
        _l("The page says what is missing."),
    ),
    errors.MalformedError: Refusal(
        "malformed", 422, _l("Not saved"), _l("Something in the form is empty or too long."), _l("Please change it.")
    ),
    errors.BusyError: Refusal(
        "busy",
        503,
        _l("Not possible just now"),
        _l("The store or the log could not be written. Nothing was changed or shown."),
        _TRY_AGAIN,
    ),
    errors.ManifestError: Refusal(
        "manifest",
        503,
        _l("The keyring does not check out"),
        _l("This server’s list of members does not lead back to its founding. Nothing is opened or accepted."),
        _l("Tell a lead, by another channel."),
    ),
    errors.SealError: Refusal(
        "damaged",
        409,
        _l("Damaged"),
        _l("This record does not match its seal or the log. It is not shown. The other records are unharmed."),
        _l("Tell a lead and the auditor. A backup may hold it whole."),
    ),
}
FAILED: Final = Refusal("failed", 500, _l("Something went wrong here"), _l("It is our fault. Nothing was saved."), _TRY_AGAIN)
_HTTP: Final[dict[int, Refusal]] = {
    413: Refusal(
        "too-large",
        413,
        _l("Too long to send at once"),
        _l("What was sent is larger than one page can take. Nothing was saved."),
        _l("Send it in two or three parts."),
    ),
    404: Refusal("no-page", 404, _l("There is nothing here"), _l("This page does not exist."), _l("Begin again.")),
}


def refusal_for(error: Exception) -> Refusal:
    """Choose the words for an error, by the nearest class."""
    if isinstance(error, HTTPException) and error.code is not None:
        plain = Refusal(
            "http",
            error.code,
            _l("This request was not understood"),
            _l("Nothing was saved."),
            _l("Begin again."),
        )
        return _HTTP.get(error.code, plain)
    return next((REFUSALS[kind] for kind in type(error).__mro__ if kind in REFUSALS), FAILED)


def install(app: Flask, show: Callable[[Refusal, Exception], ResponseReturnValue]) -> None:
    """Answer every error with a page; only the class and the code line of an unforeseen one are logged."""

    def answer(error: Exception) -> ResponseReturnValue:
        refusal = refusal_for(error)
        if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log_failure(error)
        response = make_response(show(refusal, error))
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        return response

    app.register_error_handler(Exception, answer)


def warn_operator(text: str) -> None:
    """Say something about the machine at the start; a text of ours, never a value from outside."""
    log.warning(text)


def log_failure(error: Exception) -> None:
    """Log class, cause and code line of a failure; nothing that anybody wrote."""
    orig = getattr(error.__cause__, "orig", None)
    cause = getattr(orig, "sqlite_errorname", None) or getattr(orig, "sqlstate", None) or ""
    log.error("%s %s %s", type(error).__name__, cause, _place())


def _place() -> str:
    """Return file and line where the error arose; never its text, which may hold a person's words (T5)."""
    trace = sys.exc_info()[2]
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}" if trace else ""
