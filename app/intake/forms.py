"""What a public form brings: a sealed token instead of a cookie, and fields that are checked before they are believed."""

from typing import Any, Final

from flask import request
from flask_wtf import FlaskForm
from wtforms.csrf.core import CSRF
from wtforms.validators import ValidationError

from app.reports import answers
from app.vault import formtoken
from app.web.deps import deps

WRITE: Final = "write"
CODE: Final = "code"
BOX: Final = "box"
_OURS: Final = frozenset({"token", "l", "do", "to", "go", "x"})


class SealedToken(CSRF):
    """A token sealed under an hourly key in memory; it may carry the receipt secret of its page."""

    def setup_form(self, form: Any) -> Any:
        """Take the purpose, and the secret that a new token is to carry."""
        self.purpose, self.secret = form.meta.csrf_context
        return super().setup_form(form)

    def generate_csrf_token(self, _field: Any) -> str:
        """Seal a token for the page that is about to be shown."""
        here = deps()
        return formtoken.issue(here.hourly_keys, root=here.config.root, purpose=self.purpose, hour=here.hour, secret=self.secret)

    def validate_csrf_token(self, form: Any, field: Any) -> None:
        """Open the token that came back."""
        here = deps()
        found = formtoken.read(here.hourly_keys, field.data or "", root=here.config.root, purpose=self.purpose, hour=here.hour)
        if found is None:
            raise ValidationError
        form.secret = found


class TokenForm(FlaskForm):
    """A form whose only own field is its token; the source's fields are read by `read_fields`."""

    class Meta:
        """No cookie, no session: the token alone."""

        csrf = True
        csrf_class = SealedToken
        csrf_field_name = "token"
        csrf_context = (WRITE, formtoken.NO_SECRET)

    secret: bytes | None = None


def sent_secret(purpose: str) -> bytes | None:
    """Return the secret in the token of the form that was sent, or None when it is too old or not ours."""
    form = TokenForm(meta={"csrf_context": (purpose, formtoken.NO_SECRET)})
    return form.secret if form.validate() else None


def new_token(purpose: str, secret: bytes = formtoken.NO_SECRET) -> str:
    """Return the token of a new page."""
    form = TokenForm(formdata=None, meta={"csrf_context": (purpose, secret)})
    return str(form.token.current_token)


def read_fields(names: tuple[str, ...]) -> tuple[dict[str, str | list[str]], list[str]]:
    """Return what was typed, and the names of fields that are not ours or came more than once."""
    typed: dict[str, str | list[str]] = {}
    strange: list[str] = []
    for name, values in request.form.lists():
        if name in _OURS:
            continue
        if name in answers.MANY and name in names:
            typed[name] = values
        elif name in names:
            typed[name] = answers.tidy(values[0])
            if len(values) > 1:
                strange.append(name)
        else:
            strange.append(name)
    return typed, strange
