"""The floor: what a plain Flask application costs that derives a key, stores one opaque row and shows a page as long as ours.

The same framework, settings, worker, pools, fields and lengths; no seal, no ledger, no languages, no headers.
"""

import secrets
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from flask import Flask, request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from gevent.threadpool import ThreadPool
from sqlalchemy import Column, Engine, LargeBinary, MetaData, Table, Uuid, create_engine, event, insert
from wtforms import StringField
from wtforms.validators import DataRequired, Length

PAGE_BYTES: Final = 16 * 1024
ROW_BYTES: Final = 16_384 + 82 + 512 + 1154  # a sealed text of 2 KB, with the keys of its writer, and its sealed key
DEAR_KIB: Final = 128 * 1024  # GlobaLeaks: 16 passes for the key and 17 for the hash that finds the report
DEAR_PASSES: Final = 33
_DIGITS: Final = 27
_SALT: Final = bytes(16)
_LINES: Final = (
    *("danger", "for", "agree", "who", "exile", "rel", "day", "month", "year", "when", "ongoing", "where"),
    *("kind", "by", "aim", "reply", "may", "never"),
)
_METADATA: Final = MetaData()
_OPAQUE: Final = Table("opaque", _METADATA, Column("id", Uuid, primary_key=True), Column("row", LargeBinary))
_HEAD: Final = '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Form</title>\n</head>\n<body>\n<main>\n'
_FORM: Final = """\
<form method="post" action="/f">
<input type="hidden" name="token" value="{{ form.token.current_token }}">
{% for field in form if field.name != "token" -%}
<p><label for="{{ field.id }}">{{ field.label.text }}</label>
<textarea id="{{ field.id }}" name="{{ field.name }}">{{ field.data or "" }}</textarea></p>
{% endfor -%}
<button name="do" value="send">Send</button>
</form>
"""
_RECEIPT: Final = '<p>It has arrived. This is your code.</p>\n<p class="code">{{ code }}</p>\n'
_FIRST: Final = '<h1>{{ title }}</h1>\n<form method="post" action="/f"><button name="go" value="write">Write</button></form>\n'


class Form(FlaskForm):  # type: ignore[misc]
    """As many fields as the form of the intake."""

    text = StringField("Tell us what happened", [DataRequired(), Length(max=60_000)])


for _name in _LINES:
    setattr(Form, _name, StringField(_name, [Length(max=500)]))


def create(url: str, kib: int = 8 * 1024, passes: int = 1) -> Flask:
    """Build the application.

    Args:
        url: SQLAlchemy URL of an empty database.
        kib: memory of the derivation in KiB.
        passes: its passes.
    """
    app = Flask("floor", static_folder=None)
    app.config.update(SECRET_KEY=secrets.token_bytes(32), WTF_CSRF_FIELD_NAME="token")
    engine = _engine(url)
    _METADATA.create_all(engine)
    engine.dispose()
    pools: dict[str, ThreadPool] = {}
    first, blank, receipt = (
        app.jinja_env.from_string(_HEAD + source + "</main>\n</body>\n</html>\n") for source in (_FIRST, _FORM, _RECEIPT)
    )

    def off(name: str, size: int, function: Callable[..., Any], *arguments: object) -> Any:
        """Run something in a pool of threads, made by the worker that needs it."""
        if name not in pools:
            pools[name] = ThreadPool(size)
        return pools[name].apply(function, arguments)

    def show_first() -> str:
        return _filled(first.render(title="You can write to us"))

    def take() -> ResponseReturnValue:
        form = Form()
        if "go" in request.form or not form.validate_on_submit():
            return _filled(blank.render(form=form))
        off("derive", 2, _derive, secrets.token_bytes(10), kib, passes)
        if engine.dialect.name == "sqlite":
            off("store", 1, _store, engine)
        else:
            _store(engine)
        code = str(secrets.randbelow(10**_DIGITS)).zfill(_DIGITS)
        return _filled(receipt.render(code=code)), 201

    app.add_url_rule("/", "first", show_first, methods=["GET"])
    app.add_url_rule("/f", "take", take, methods=["POST"])
    return app


def _derive(secret: bytes, kib: int, passes: int) -> bytes:
    return Argon2id(salt=_SALT, length=32, iterations=passes, lanes=1, memory_cost=kib).derive(secret)


def _store(engine: Engine) -> UUID:
    name = uuid4()
    with engine.begin() as connection:
        connection.execute(insert(_OPAQUE), {"id": name, "row": secrets.token_bytes(ROW_BYTES)})
    return name


def _filled(page: str) -> str:
    """Make a page as long as ours are."""
    return page + "<!--" + "." * (PAGE_BYTES - len(page) - len("<!---->")) + "-->"


def _engine(url: str) -> Engine:
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _write_for_good)
    return engine


def _write_for_good(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
