"""Build an application from its parts: the only file that knows all of them."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from flask import Flask, Response, current_app, g, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import Babel
from werkzeug.exceptions import RequestEntityTooLarge

from app.audit import views as audit
from app.desk import approvals, cases, findings, letters, links, members, pages, queue, report
from app.errors import BusyError, ForeignFormError, ManifestError
from app.i18n.languages import CATALOGUES, Languages, direction
from app.i18n.text import install_texts
from app.intake import views as intake
from app.ledger.remember import HeadKeeper
from app.members.chain import ChainKeeper
from app.members.policy import Permission
from app.store import migrate
from app.store.database import Database
from app.vault.formtoken import HourlyKeys
from app.vault.keyring import ServerSecret
from app.web import gate, headers, limits, production, refusals, sessions, staff
from app.web.deps import Deps, attach, deps
from app.web.offload import Offload
from app.web.refusals import Refusal
from app.web.staff import LANGUAGE_COOKIE
from config import FACES, Config, ConfigError

Clock = Callable[[], datetime]
_STAFF: Final = ("/desk", "/audit")
_DESK_VIEWS: Final = (
    approvals,
    cases,
    findings,
    letters,
    links,
    members,
    queue,
    report,
)  # importing them hangs their views on the blueprint


class _QuietFlask(Flask):
    """Flask without its own words about an error: a path or a traceback may hold a person's words."""

    def log_exception(self, _error: Any) -> None:
        """Log nothing; `app.web.refusals` logs class and code line."""


def create_app(config: Config, *, faces: Sequence[str], clock: Clock | None = None) -> Flask:
    """Build the application of one or more faces.

    Args:
        config: settings of this process.
        faces: `intake`, `desk`, `audit`; production takes exactly one.
        clock: returns the aware UTC time; tests hand in their own.

    Raises:
        ConfigError: the combination is unsafe, or the database has another schema.
    """
    _check(config, faces)
    app = _QuietFlask("app", static_folder=None, template_folder="web/templates")
    app.url_map.strict_slashes = True
    limits.set_limits(app, config.hosts)
    database = _open(config, faces, app)
    made = Deps(
        config=replace(config, server_secret=None),
        clock=clock or _now,
        database=database,
        chain=ChainKeeper(database, config.root, config.state),
        hourly_keys=HourlyKeys(),
        languages=Languages(only_reviewed=config.production),
        offload=Offload(is_sqlite=database.is_sqlite),
        host_secret=secrets.token_bytes(32),
    )
    attach(app, made)
    Babel(app, default_translation_directories=str(CATALOGUES), locale_selector=lambda: g.get("lang", "en"))
    install_texts(app)
    app.before_request(_choose_language)
    if set(faces) & {"desk", "audit"} and config.server_secret is not None:
        sessions.attach_secret(app, ServerSecret(config.server_secret))
        sessions.attach_heads(app, _open_heads(config, database))
        app.before_request(sessions.load)
    app.before_request(limits.refuse_cut_body)
    app.before_request(gate.check)
    if set(faces) & {"desk", "audit"}:
        app.before_request(sessions.check_form)
        app.add_url_rule("/-/ready", "ready", gate.allow(Permission.SIGN_IN)(staff.ready), methods=["GET"])
    if "intake" in faces:
        app.register_blueprint(intake.bp)
        app.after_request(_pad_public)
    if "desk" in faces:
        app.register_blueprint(pages.bp)
    if "audit" in faces:
        app.register_blueprint(audit.bp)
    app.after_request(headers.add_headers)
    refusals.install(app, _show_refusal)
    database.close()  # workers forked from here open connections of their own
    return app


def _check(config: Config, faces: Sequence[str]) -> None:
    if not faces or set(faces) - set(FACES):
        raise ConfigError(f"faces are: {', '.join(FACES)}")
    if set(faces) & {"desk", "audit"} and config.server_secret is None:
        raise ConfigError("PAIVAND_SERVER_SECRET_FILE is not set; desk and audit need it")


def _open(config: Config, faces: Sequence[str], app: Flask) -> Database:
    """Open the database; in production only after everything that can be wrong around it was looked at."""
    if config.production:
        production.check(config, tuple(faces), app)
    database = Database(config.database)
    try:
        if not migrate.is_current(database):
            raise ConfigError("the database has another schema: run `python -m app upgrade`")
        if config.production:
            production.check_database(database, faces[0])
    except BaseException:
        database.close()
        raise
    database.revision = migrate.newest()
    return database


def _open_heads(config: Config, database: Database) -> HeadKeeper:
    """Refuse a ledger that falls short of what the processes with this state file have seen: nobody works on an older database unasked."""
    heads = HeadKeeper(config.state)
    try:
        fault = heads.taken_back(database)
    except (BusyError, ManifestError):
        database.close()
        raise ConfigError(f"{config.state} does not hold what a state file does, or the database is busy") from None
    if fault is not None:
        database.close()
        raise ConfigError(f"{fault}. Start nothing; docs/operate.md §13 says what to do")
    return heads


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the one clock of the program


def _choose_language() -> None:
    """Take the language from the form or, at the desk, from its cookie; never from the browser's wish."""
    made = deps()
    if request.path.startswith(_STAFF):
        g.lang = made.languages.choose(request.cookies.get(LANGUAGE_COOKIE))
    else:
        limits.refuse_cut_body()
        asked = request.form.get("to") or request.form.get("l") if request.method == "POST" else None
        g.lang = made.languages.choose(asked)


def _pad_public(response: Response) -> Response:
    return response if request.path.startswith(_STAFF) else headers.pad_page(response)


def _show_refusal(refusal: Refusal, error: Exception) -> ResponseReturnValue:
    try:
        return _refusal_page(refusal, error)
    except Exception:  # noqa: BLE001 - the last resort has to answer whatever else is broken
        return f"<!doctype html><title>{refusal.status}</title><p>{refusal.status}", refusal.status


def _refusal_page(refusal: Refusal, error: Exception) -> ResponseReturnValue:
    served = current_app.blueprints
    for staff_face in (pages.STAFF, audit.STAFF):
        is_its_path = request.path.startswith(f"/{staff_face.face}") or "intake" not in served
        if staff_face.face in served and is_its_path:
            return staff_face.show_refusal(refusal, error)
    lang = g.get("lang", "en")
    page = render_template(
        "intake/refusal.html",
        title=refusal.title,
        text=refusal.text,
        todo=refusal.todo,
        kept=None if isinstance(error, (RequestEntityTooLarge, ForeignFormError)) else request.form.get("text"),
        lang=lang,
        dir=direction(lang),
        demo=not deps().config.production,
    )
    return page, refusal.status
