"""The policy table: which role may do what, and which secret a role holds. Default deny."""

from enum import StrEnum
from typing import Final

from app.vault.manifest import AUDIT, TEAM


class Permission(StrEnum):
    """One named right; every view names exactly one."""

    PUBLIC = "public"
    SIGN_IN = "sign-in"
    OWN_SESSION = "own-session"
    VIEW_QUEUE = "view-queue"
    OPEN_REPORT = "open-report"
    TRIAGE = "triage"
    WRITE_TO_SOURCE = "write-to-source"
    RELEASE = "release"
    READ_LEDGER = "read-ledger"
    VIEW_CASES = "view-cases"
    CHANGE_CASES = "change-cases"
    LINK = "link"
    CLOSE_REPORT = "close-report"
    REOPEN_REPORT = "reopen-report"
    VIEW_FINDINGS = "view-findings"
    ASSESS = "assess"
    REVIEW = "review"
    LEAD_FINDINGS = "lead-findings"
    SIGN_PROTECTION = "sign-protection"
    VIEW_MEMBERS = "view-members"
    INVITE = "invite"
    GRANT = "grant"
    REMOVE = "remove"


EVERYBODY: Final = frozenset({Permission.PUBLIC, Permission.SIGN_IN})

_STAFF = frozenset({"lead", "caseworker"})
_ALL = frozenset({"admin", "lead", "caseworker", "protection", "auditor"})

ALLOWED: Final[dict[Permission, frozenset[str]]] = {
    Permission.OWN_SESSION: _ALL,
    Permission.VIEW_QUEUE: _STAFF,
    Permission.OPEN_REPORT: _STAFF,
    Permission.TRIAGE: _STAFF,
    Permission.WRITE_TO_SOURCE: _STAFF,
    Permission.RELEASE: _STAFF,
    Permission.READ_LEDGER: frozenset({"auditor"}),
    Permission.VIEW_CASES: _STAFF,
    Permission.CHANGE_CASES: _STAFF,
    Permission.LINK: _STAFF,
    Permission.CLOSE_REPORT: _STAFF,
    Permission.REOPEN_REPORT: frozenset({"lead"}),
    Permission.VIEW_FINDINGS: _STAFF,
    Permission.ASSESS: _STAFF,
    Permission.REVIEW: _STAFF,
    Permission.LEAD_FINDINGS: frozenset({"lead"}),
    Permission.SIGN_PROTECTION: frozenset({"protection"}),
    Permission.VIEW_MEMBERS: _ALL - {"auditor"},
    Permission.INVITE: frozenset({"admin", "lead"}),
    Permission.GRANT: frozenset({"lead"}),
    Permission.REMOVE: frozenset({"lead"}),
}

SECRETS: Final[dict[str, frozenset[str]]] = {
    "admin": frozenset(),
    "lead": frozenset({TEAM}),
    "caseworker": frozenset({TEAM}),
    "protection": frozenset(),  # will hold the keys of single records only
    "auditor": frozenset({AUDIT}),
}


def may(roles: frozenset[str], permission: Permission) -> bool:
    """Whether any of the roles carries the permission."""
    return permission in EVERYBODY or bool(roles & ALLOWED.get(permission, frozenset()))


def secrets_of(roles: frozenset[str]) -> frozenset[str]:
    """Return the names of the epoch secrets that these roles hold."""
    return frozenset[str]().union(*(SECRETS[role] for role in roles))
