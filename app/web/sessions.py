"""Cookies of desk and audit; the intake never imports this file."""

from dataclasses import replace
from typing import Final, cast

from flask import Flask, current_app, g, request
from werkzeug.wrappers import Response

from app.errors import ForeignFormError
from app.ledger.append import Actor
from app.ledger.remember import HeadKeeper
from app.members import sessions
from app.members.policy import Permission
from app.members.sessions import SignedIn
from app.vault.keyring import ServerSecret
from app.web.deps import Deps, deps
from app.web.gate import permission_of

SECURE_NAME: Final = "__Host-s"
ONION_NAME: Final = "s"
_HELD: Final = "paivand_server"
_HEADS: Final = "paivand_heads"


def load() -> None:
    """Find the session of this request before the gate looks for it."""
    cookie = request.cookies.get(cookie_name(deps()))
    if not cookie or not request.path.startswith(("/desk/", "/audit/")):
        return
    here = deps()
    held = sessions.resume(here.database, cookie, chain=here.chain.current(), host_secret=here.host_secret, now=here.clock())
    g.signed_in = with_memory(held) if held else None


def with_memory(held: SignedIn) -> SignedIn:
    """Let the actor of a session remember what its earlier requests in this process have opened."""
    here = deps()
    memory = here.memories.of(held.keys.id, sessions.minutes(here.clock()))
    return replace(held, actor=replace(held.actor, memory=memory))


def check_form() -> None:
    """Every POST of a signed-in member carries the session's form secret.

    Raises:
        ForeignFormError: it is missing or another session's.
    """
    held = g.get("signed_in")
    if request.endpoint and permission_of(current_app, request.endpoint) is Permission.SIGN_IN:
        return  # a door page from before the sign-in; its origin was checked
    if held is not None and request.method == "POST" and request.form.get("csrf") != held.keys.form:
        raise ForeignFormError


def signed_in() -> SignedIn:
    """Return the session of this request; the gate has made sure that there is one."""
    return cast("SignedIn", g.signed_in)


def actor() -> Actor:
    """Return who acts."""
    return signed_in().actor


def server_secret() -> ServerSecret:
    """Return the secret beside the database."""
    return cast("ServerSecret", current_app.extensions[_HELD])


def attach_secret(app: Flask, secret: ServerSecret) -> None:
    """Hand the server secret to desk and audit, and to no other face."""
    app.extensions[_HELD] = secret


def attach_heads(app: Flask, heads: HeadKeeper) -> None:
    """Hand desk and audit what this process knows of the ledger; the intake does not read it."""
    app.extensions[_HEADS] = heads


def head_keeper() -> HeadKeeper:
    """Return the largest ledger that this process has seen."""
    return cast("HeadKeeper", current_app.extensions[_HEADS])


def set_cookie(response: Response, cookie: str) -> Response:
    """Give the browser its half of the session; ends with the browser."""
    config = deps().config
    response.set_cookie(cookie_name(deps()), cookie, secure=not config.onion, httponly=True, samesite="Strict", path="/")
    return response


def drop_cookie(response: Response) -> Response:
    """Take it back; the changed cookie also makes Back fetch again instead of showing a kept page."""
    response.delete_cookie(cookie_name(deps()), secure=not deps().config.onion, httponly=True, samesite="Strict", path="/")
    return response


def cookie_name(made: Deps) -> str:
    """Return the cookie's name: stock browsers refuse Secure on a plain onion origin."""
    return ONION_NAME if made.config.onion else SECURE_NAME
