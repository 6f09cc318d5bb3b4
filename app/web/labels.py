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
BY_LEAD: Final = _l("Signed by a lead")
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
    "dataset.imported": _l("Published incidents imported"),
    "case.opened": _l("Case opened"),
    "case.created": _l("Case created"),
    "case.changed": _l("Case changed"),
    "case.moved": _l("Case moved to another state"),
    "incident.created": _l("Incident recorded"),
    "incident.changed": _l("Incident changed"),
    "act.created": _l("Act recorded"),
    "act.changed": _l("Act changed"),
    "person.created": _l("Person recorded"),
    "person.changed": _l("Person changed"),
    "reference.created": _l("Place, body or publication recorded"),
    "report.linked": _l("Report linked to an incident"),
    "report.unlinked": _l("Link taken back"),
    "report.accepted": _l("Report accepted"),
    "report.duplicate": _l("Report marked as a duplicate"),
    "report.repeated": _l("Another report repeats this one"),
    "report.closing": _l("Asked to close a report"),
    "report.kept": _l("Report kept open"),
    "report.closed": _l("Report closed"),
    "report.withdrawn": _l("Report withdrawn"),
    "report.reopened": _l("Report reopened"),
    "suggestion.refused": _l("Recorded: not the same person"),
    "finding.taken": _l("Act taken for assessment"),
    "finding.assessed": _l("Assessment saved"),
    "finding.proposed": _l("Finding proposed"),
    "finding.assigned": _l("Review assigned"),
    "finding.opened": _l("Finding opened"),
    "finding.approved": _l("Signed by the protection officer"),
    "finding.returned": _l("Finding returned"),
    "finding.confirmed": _l("Finding confirmed"),
    "finding.disputed": _l("Finding disputed"),
    "finding.settled": _l("Dispute settled"),
    "finding.reopened": _l("Finding reopened"),
    "finding.refused": _l("Review refused"),
    "member.invited": _l("Member invited"),
    "member.joined": _l("Invitation accepted"),
    "member.invitation_withdrawn": _l("Invitation withdrawn"),
    "member.granted": _l("Role granted"),
    "member.removed": _l("Member removed"),
    "manifest.proposed": _l("Keyring change proposed"),
    "manifest.signed": _l("Keyring change signed"),
    "session.ended": _l("Sessions ended"),
    "log.exported": _l("Log downloaded"),
}
REPORTS: Final[dict[str, Any]] = {
    "waiting": _l("Waiting"),
    "received": _l("Received"),
    "added": _l("Added"),
    "in_triage": _l("In triage"),
    "urgent": _l("Urgent"),
    "needs_information": _l("Waits for source"),
    "accepted": _l("Accepted"),
    "duplicate": _l("Duplicate"),
    "out_of_scope": _l("Out of scope"),
    "spam": _l("Spam"),
    "withdrawn": _l("Withdrawn by the source"),
    "damaged": _l("Damaged"),
}
FINDINGS: Final[dict[str, tuple[Any, str]]] = {
    "unassessed": (_l("Not assessed"), ""),
    "in_assessment": (_l("In assessment"), "half"),
    "proposed": (_l("Proposed"), "half"),
    "in_review": (_l("In review"), "half"),
    "returned": (_l("Returned"), "stop"),
    "confirmed": (_l("Confirmed"), "full"),
    "disputed": (_l("Disputed"), "hot"),
    "unverifiable": (_l("Unverifiable"), "full"),
    "refuted": (_l("Refuted"), "full"),
    "reopened": (_l("Reopened"), "half"),
}
REFUSED: Final[dict[str, Any]] = {
    "same-person": _l("same person"),
    "barred": _l("may not review it"),
    "not-yet": _l("another signature comes first"),
    "forbidden": _l("not allowed for this role"),
    "named": _l("the note named somebody"),
    "conflict": _l("changed meanwhile"),
}


def entry_text(record: Mapping[str, Any]) -> str:
    """Return the words for what an entry records."""
    kind = record["kind"]
    if kind == "report.admitted" and record["details"].get("kind") == "addition":
        return str(ADDITION)
    if kind == "finding.approved" and "approval" not in record["details"]:
        return str(BY_LEAD)
    return str(ENTRIES.get(kind, kind))


def roles_text(roles: Iterable[str]) -> str:
    """Return the names of roles."""
    return ", ".join(str(ROLES.get(role, role)) for role in sorted(roles))
