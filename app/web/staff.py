"""What the pages of desk and audit share: frame, door, refusals, language. One `Staff` object per face."""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flask import Blueprint, g, render_template, request, send_from_directory, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.utils import redirect

from app.errors import BusyError, SignInError
from app.i18n.languages import direction
from app.i18n.text import gettext as _
from app.members import names, sessions
from app.members.policy import Permission, may
from app.members.sessions import SignedIn
from app.reports.letters import count_handed
from app.web.deps import deps
from app.web.gate import allow
from app.web.labels import roles_text
from app.web.refusals import Refusal
from app.web.sessions import actor, drop_cookie, server_secret, set_cookie, signed_in, with_memory

LANGUAGE_COOKIE: Final = "l"
_NOT_SHOWN: Final = frozenset({"csrf", "version", "name", "passphrase", "code", "fingerprint", "l"})
_A_WORD: Final = re.compile(r"[a-z0-9_.-]*|[A-Z_]+|[A-Za-z]{1,4}[0-9]?|[0-9a-f]{8}-[0-9a-f-]{27}")  # an id, a choice or a number: not typed
_STATIC: Final = Path(__file__).parent / "static"
_MAX_PASSPHRASE: Final = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the main navigation; the first one that a member may see is their home."""

    name: str
    title: Any
    endpoint: str
    permission: Permission


@dataclass(frozen=True, slots=True)
class Staff:
    """The door and the frame of one face."""

    face: str
    places: tuple[Place, ...]

    def home(self) -> str:
        """Return the address of the first page that this member may see; the door where there is none."""
        mine = self._mine()
        return url_for(mine[0].endpoint if mine else f"{self.face}.show_door")

    def render(self, template: str, **values: Any) -> str:
        """Render a page in its frame."""
        return render_template(template, **{**self._frame(), **values})

    def show_door(self, *, locked: bool = False, error: str | None = None, name: str = "", kept: str | None = None) -> str:
        """Render the sign-in page; `kept` is what somebody had typed when the session was over."""
        values = {"locked": locked, "error": error, "v": {"name": name}, "kept": kept}
        return self.render("staff/sign_in.html", **values, me=None, nav=None, csrf="")

    def hang_door(self, bp: Blueprint, *, after_sign_in: Callable[[SignedIn], None] | None = None) -> None:
        """Give a face its door: sheet, sign-in page, sign in, lock, language."""

        def show_door() -> ResponseReturnValue:
            if g.get("signed_in") is None:
                return self.show_door()
            if self._has_home(signed_in()):
                return redirect(self.home(), 303)
            return self.show_door(error=_("Your role has no page here."))

        def sign_in() -> ResponseReturnValue:
            return self._sign_in(after_sign_in)

        def lock() -> ResponseReturnValue:
            return self._lock()

        def choose_language() -> ResponseReturnValue:
            return self._choose_language()

        door, own = allow(Permission.SIGN_IN), allow(Permission.OWN_SESSION)
        bp.get("/d.css", endpoint="style")(door(style))
        bp.get("/", endpoint="show_door")(door(show_door))
        bp.post("/", endpoint="sign_in")(door(sign_in))
        bp.post("/language", endpoint="choose_language")(door(choose_language))
        bp.post("/lock", endpoint="lock")(own(lock))

    def _sign_in(self, after: Callable[[SignedIn], None] | None) -> ResponseReturnValue:
        here, name = deps(), request.form.get("name", "")
        try:
            if len(request.form.get("passphrase", "")) > _MAX_PASSPHRASE:
                raise SignInError
            cookie, held = sessions.sign_in(
                here.database,
                name=name,
                passphrase=request.form.get("passphrase", ""),
                code=request.form.get("code", ""),
                chain=here.chain.current(),
                server_secret=server_secret(),
                host_secret=here.host_secret,
                now=here.clock(),
            )
        except SignInError:
            text = _("Name, passphrase and code do not fit together. A code works once; wait for the next one and try again.")
            return self.show_door(error=text, name=name), 422
        if after is not None:
            after(with_memory(held))
        return set_cookie(redirect(url_for(f"{self.face}.show_door"), 303), cookie)

    def _lock(self) -> ResponseReturnValue:
        """End the session; the changed cookie makes Back fetch again."""
        with suppress(BusyError):  # then the row ends by itself; the browser's half is gone in any case
            deps().memories.forget(signed_in().keys.id)
            sessions.lock(deps().database, signed_in())
        return drop_cookie(redirect(url_for(f"{self.face}.show_door"), 303))

    def _choose_language(self) -> ResponseReturnValue:
        """Remember the language in this browser: two letters and nothing else."""
        here = deps()
        answer = redirect(url_for(f"{self.face}.show_door"), 303)
        answer.set_cookie(
            LANGUAGE_COOKIE,
            here.languages.choose(request.form.get("l")),
            secure=not here.config.onion,
            httponly=True,
            samesite="Strict",
            path="/",
        )
        return answer

    def show_refusal(self, refusal: Refusal, error: Exception) -> ResponseReturnValue:
        """Answer a refusal: without a session with the door, else with what was typed and the way back."""
        kept = None if isinstance(error, RequestEntityTooLarge) else _typed_text()
        if isinstance(error, SignInError):
            return self.show_door(locked=True, kept=kept), 401
        back = self.home() if g.get("signed_in") is not None and refusal.code != "forbidden" else None
        page = self.render(
            "staff/refusal.html",
            title=refusal.title,
            text=refusal.text,
            todo=refusal.todo,
            kept=kept,
            back=back,
        )
        return page, refusal.status

    def _frame(self) -> dict[str, Any]:
        here = deps()
        values: dict[str, Any] = {
            "lang": g.lang,
            "dir": direction(g.lang),
            "languages": here.languages.buttons(g.lang),
            "demo": not here.config.production,
            "sheet": url_for(f"{self.face}.style"),
            "action": url_for(f"{self.face}.sign_in"),
            "lock_url": url_for(f"{self.face}.lock"),
            "language_url": url_for(f"{self.face}.choose_language"),
            "brand": _("Audit") if self.face == "audit" else _("Desk"),
            "csrf": "",
            "me": None,
            "nav": None,
        }
        if g.get("signed_in") is None:
            return values
        mine = self._mine()
        may_release = any(place.permission is Permission.RELEASE for place in mine)
        with here.database.read() as session:  # the audit has no such place, and no right to count messages
            handed = count_handed(session, actor().member_id) if may_release else 0
            own = member_names(session)[actor().member_id]
        values["csrf"] = signed_in().keys.form
        values["me"] = {"name": own, "role": roles_text(actor().roles)}
        values["nav"] = [
            {
                "name": place.name,
                "title": place.title,
                "url": url_for(place.endpoint),
                "tally": handed if place.permission is Permission.RELEASE else 0,
            }
            for place in mine
        ]
        return values

    def _mine(self) -> list[Place]:
        return [place for place in self.places if may(actor().roles, place.permission)]

    def _has_home(self, held: SignedIn) -> bool:
        return any(may(held.actor.roles, place.permission) for place in self.places)


def _typed_text() -> str | None:
    """Return what somebody had typed into the form that was refused."""
    if request.method != "POST":
        return None
    typed = [text for name, text in request.form.items() if name not in _NOT_SHOWN and not _A_WORD.fullmatch(text.strip())]
    return "\n\n".join(typed) or None


def style() -> ResponseReturnValue:
    """Serve the one sheet."""
    return send_from_directory(_STATIC, "d.css", conditional=False, etag=False)


def ready() -> ResponseReturnValue:
    """Say whether the keyring verifies and the database answers; says nothing else."""
    deps().chain.current()
    return "ready\n", 200, {"Content-Type": "text/plain; charset=utf-8"}


def member_names(session: Session) -> dict[str, str]:
    """Return member id → display name."""
    return names.names_of(session, deps().config.root, server_secret())
