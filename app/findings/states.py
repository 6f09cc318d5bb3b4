"""The states of a finding and the steps between them, as data: who may take each step, and the entry it leaves."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.store.cases import FindingState as S


class Who(StrEnum):
    """Who takes a step."""

    STAFF = "staff"
    ASSESSOR = "assessor"
    LEAD = "lead"
    REVIEWER = "reviewer"  # another person than the proposer, and none who accepted a linked report or wrote to its source


@dataclass(frozen=True, slots=True)
class Step:
    """One step from a state to another."""

    before: S
    after: S
    who: Who
    kind: str


SIGNED: Final = (S.CONFIRMED, S.UNVERIFIABLE, S.REFUTED)
WAITING: Final = (S.PROPOSED, S.IN_REVIEW)
LEVEL: Final = "level"
DECISIONS: Final = {LEVEL: S.CONFIRMED, "unverifiable": S.UNVERIFIABLE, "refuted": S.REFUTED}
NO_LEVEL: Final = {"unverifiable": "LU", "refuted": "LR"}  # in place of a level, where it is decided and not computed

STEPS: Final = (
    *(Step(before, S.IN_ASSESSMENT, Who.STAFF, "finding.taken") for before in (S.UNASSESSED, S.RETURNED, S.REOPENED)),
    Step(S.IN_ASSESSMENT, S.IN_ASSESSMENT, Who.LEAD, "finding.taken"),
    Step(S.IN_ASSESSMENT, S.IN_ASSESSMENT, Who.ASSESSOR, "finding.assessed"),
    Step(S.IN_ASSESSMENT, S.PROPOSED, Who.ASSESSOR, "finding.proposed"),
    Step(S.PROPOSED, S.IN_REVIEW, Who.LEAD, "finding.assigned"),
    Step(S.IN_REVIEW, S.IN_REVIEW, Who.LEAD, "finding.assigned"),
    Step(S.PROPOSED, S.PROPOSED, Who.LEAD, "finding.approved"),
    Step(S.IN_REVIEW, S.IN_REVIEW, Who.LEAD, "finding.approved"),
    Step(S.IN_REVIEW, S.RETURNED, Who.REVIEWER, "finding.returned"),
    *(Step(S.IN_REVIEW, after, Who.REVIEWER, "finding.confirmed") for after in SIGNED),
    Step(S.CONFIRMED, S.DISPUTED, Who.STAFF, "finding.disputed"),
    Step(S.DISPUTED, S.CONFIRMED, Who.LEAD, "finding.settled"),
    Step(S.DISPUTED, S.IN_ASSESSMENT, Who.LEAD, "finding.settled"),
    *(Step(before, S.REOPENED, Who.LEAD, "finding.reopened") for before in SIGNED),
)


def step_of(before: S, kind: str, after: S | None = None) -> Step | None:
    """Return the step that this entry makes from this state, where the table has one."""
    return next((step for step in STEPS if step.before is before and step.kind == kind and after in (None, step.after)), None)
