"""Words for codes that desk and audit both show."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from app.i18n.text import lazy_gettext as _l

ROLES: Final[dict[str, Any]] = {
    "admin": _l("administrator"),
    "lead": _l("lead"),
    "caseworker": _l("caseworker"),
    "protection": _l("protection officer"),
    "auditor": _l("auditor"),
}
ADDITION: Final = _l("Addition admitted")
ENTRIES: Final[dict[str, Any]] = {
    "instance.founded": _l("Instance founded"),
    "member.signed_in": _l("Auditor signed in"),
    "queue.viewed": _l("Queue looked at"),
    "report.admitted": _l("Report admitted"),
    "report.damaged": _l("Report found damaged"),
    "report.opened": _l("Report opened"),
    "report.claimed": _l("Report taken"),
    "report.left": _l("Report given back"),
    "report.moved": _l("Report moved to another state"),
    "report.described": _l("Description changed"),
    "report.noted": _l("Note added"),
    "report.updated": _l("Conversation updated"),
    "message.handed": _l("Message handed over"),
    "message.returned": _l("Message returned"),
    "message.released": _l("Message released"),
}


def entry_text(record: Mapping[str, Any]) -> str:
    """Return the words for what an entry records."""
    kind = record["kind"]
    if kind == "report.admitted" and record["details"].get("kind") == "addition":
        return str(ADDITION)
    return str(ENTRIES.get(kind, kind))


def roles_text(roles: Iterable[str]) -> str:
    """Return the names of roles."""
    return ", ".join(str(ROLES.get(role, role)) for role in sorted(roles))
