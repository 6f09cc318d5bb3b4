"""The states of a report and the steps between them, as data: who may take each step, and the entry it leaves."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.store.reports import ReportState as S


class Who(StrEnum):
    """Who takes a step."""

    SYSTEM = "system"  # admission, in the session of whoever looks first
    ANYBODY = "anybody"
    OWNER = "owner"
    SECOND = "second"  # a person other than the one who asked
    LEAD = "lead"


@dataclass(frozen=True, slots=True)
class Step:
    """One step from a state to another."""

    before: S
    after: S
    who: Who
    kind: str


IN_WORK: Final = (S.IN_TRIAGE, S.URGENT, S.NEEDS_INFORMATION)
CLOSED: Final = (S.OUT_OF_SCOPE, S.SPAM, S.DUPLICATE, S.WITHDRAWN)
OPEN: Final = (S.RECEIVED, *IN_WORK)
CLOSINGS: Final = (S.OUT_OF_SCOPE, S.SPAM)

STEPS: Final = (
    Step(S.WAITING, S.RECEIVED, Who.SYSTEM, "report.admitted"),
    Step(S.WAITING, S.ADDED, Who.SYSTEM, "report.admitted"),
    Step(S.WAITING, S.DAMAGED, Who.SYSTEM, "report.damaged"),
    Step(S.RECEIVED, S.IN_TRIAGE, Who.ANYBODY, "report.claimed"),
    Step(S.IN_TRIAGE, S.URGENT, Who.OWNER, "report.moved"),
    Step(S.NEEDS_INFORMATION, S.URGENT, Who.OWNER, "report.moved"),
    Step(S.URGENT, S.IN_TRIAGE, Who.OWNER, "report.moved"),
    Step(S.NEEDS_INFORMATION, S.IN_TRIAGE, Who.OWNER, "report.moved"),
    Step(S.IN_TRIAGE, S.NEEDS_INFORMATION, Who.SECOND, "report.moved"),
    *(Step(state, S.ACCEPTED, Who.OWNER, "report.accepted") for state in IN_WORK),
    Step(S.ACCEPTED, S.IN_TRIAGE, Who.OWNER, "report.unlinked"),
    *(Step(state, S.DUPLICATE, Who.OWNER, "report.duplicate") for state in IN_WORK),
    *(Step(state, to, Who.SECOND, "report.closed") for state in IN_WORK for to in CLOSINGS),
    *(Step(state, S.WITHDRAWN, Who.OWNER, "report.withdrawn") for state in (*IN_WORK, S.ACCEPTED, S.DUPLICATE, *CLOSINGS)),
    *(Step(state, S.IN_TRIAGE, Who.LEAD, "report.reopened") for state in (S.DUPLICATE, *CLOSINGS)),
)


def may_go(before: S, after: S, kind: str) -> bool:
    """Whether the table has this step under this entry."""
    return any((step.before, step.after, step.kind) == (before, after, kind) for step in STEPS)
