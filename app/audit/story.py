"""What the entries tell together: four eyes, findings with their rounds, cases. Worked out from the signers of the entries themselves.

An auditor opens no case and no finding, so nothing is read from there, and no number in an entry's details is believed where the
entries can be counted. Nothing here knows HTTP.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final
from uuid import UUID

from app.audit.entries import CASE, DIGEST, ID, Entry
from app.findings.states import DECISIONS
from app.store.cases import CaseState, FindingState

PROPOSED: Final = "finding.proposed"
APPROVED: Final = "finding.approved"
CONFIRMED: Final = "finding.confirmed"
RETURNED: Final = "finding.returned"
OPENINGS: Final = frozenset({"case.opened", "finding.opened"})
SUGGESTED: Final = frozenset({"report.linked", "report.accepted"})
TWO: Final = 2


class Eyes(StrEnum):
    """Whether an entry needed two people, and had them."""

    NONE = "none"
    HALF = "half"
    BOTH = "both"
    BROKEN = "broken"
    REFUSED = "refused"


class Fault(StrEnum):
    """What is wrong with a confirmation, as far as the entries show it."""

    ALONE = "alone"  # proposed and confirmed by one person, or no proposal is in the log
    COUNT = "count"  # its details name another number of people than signed
    PROTECTION = "protection"  # sexual violence without a protection officer
    LEAD = "lead"  # a refutation without a lead


@dataclass(frozen=True, slots=True)
class Sight:
    """The four eyes of one entry; `people` is how many different members signed."""

    eyes: Eyes
    people: int = 0


@dataclass(slots=True)
class Round:
    """One proposal and what was done with it."""

    proposed: Entry | None
    reviewer: str = ""
    approved: list[Entry] = field(default_factory=list)
    ended: Entry | None = None

    @property
    def is_confirmed(self) -> bool:
        """Whether it ended with a confirmation."""
        return self.ended is not None and self.ended.kind == CONFIRMED

    @property
    def level(self) -> str:
        """The level that was proposed."""
        entry = self.proposed or self.ended
        return entry.level if entry else ""

    @property
    def signers(self) -> frozenset[str]:
        """Who put their name to it: who proposed, who signed beside, who confirmed."""
        agreed = {entry.actor for entry in self.approved if entry.word("decision") != "return"}
        proposer = {self.proposed.actor} if self.proposed else set()
        return frozenset(proposer | agreed | ({self.ended.actor} if self.ended and self.is_confirmed else set()))

    @property
    def protection(self) -> Entry | None:
        """The protection officer's signature."""
        return next((entry for entry in self.approved if entry.word("approval", DIGEST)), None)

    @property
    def lead(self) -> Entry | None:
        """The signature of the lead whom a refutation needs."""
        return next((entry for entry in self.approved if not entry.word("approval", DIGEST)), None)

    @property
    def needed(self) -> tuple[Fault, ...]:
        """Which further signatures it needs; for a minor the entries do not tell."""
        entry = self.proposed or self.ended
        found = [Fault.PROTECTION] if entry and entry.type.startswith("SEX_") else []
        return (*found, Fault.LEAD) if entry and entry.word("decision") == "refuted" else tuple(found)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What is wrong with its confirmation."""
        if self.ended is None or not self.is_confirmed:
            return ()
        found = []
        if self.proposed is None or self.proposed.actor == self.ended.actor:
            found.append(Fault.ALONE)
        if self.ended.number("people") != len(self.signers):
            found.append(Fault.COUNT)
        given = {Fault.PROTECTION: self.protection, Fault.LEAD: self.lead}
        return (*found, *(part for part in self.needed if given[part] is None))


@dataclass(slots=True)
class Finding:
    """The story of the finding on one act."""

    record: str
    entries: list[Entry] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)
    steps: list[tuple[FindingState, str]] = field(default_factory=list)  # each state with the day it began

    @property
    def act(self) -> str:
        """The short name of its act."""
        return next((entry.act for entry in self.entries if entry.act), "")

    @property
    def type(self) -> str:
        """The type of its act, as last recorded."""
        return next((entry.type for entry in reversed(self.entries) if entry.type), "")

    @property
    def cases(self) -> tuple[str, ...]:
        """The cases in which it was worked on."""
        return tuple(dict.fromkeys(entry.case for entry in self.entries if entry.case))

    @property
    def state(self) -> FindingState:
        """Where it stands."""
        return self.steps[-1][0] if self.steps else FindingState.UNASSESSED

    @property
    def round(self) -> Round | None:
        """The newest round."""
        return self.rounds[-1] if self.rounds else None

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What is wrong with any of its confirmations."""
        return tuple(dict.fromkeys(fault for one in self.rounds for fault in one.faults))

    def days(self, today: date) -> dict[FindingState, int]:
        """Return how many days it has been in each state."""
        found: Counter[FindingState] = Counter()
        for at, (state, since) in enumerate(self.steps):
            until = self.steps[at + 1][1] if at + 1 < len(self.steps) else today.isoformat()
            found[state] += days_between(since, until)
        return dict(found)


@dataclass(slots=True)
class Case:
    """What the log knows of one case; its title is sealed."""

    code: str
    id: UUID | None = None
    state: CaseState = CaseState.OPEN
    incidents: int = 0
    acts: dict[str, str] = field(default_factory=dict)  # short name → type
    findings: list[Finding] = field(default_factory=list)
    moves: list[Entry] = field(default_factory=list)
    openings: list[Entry] = field(default_factory=list)
    links: list[Entry] = field(default_factory=list)

    @property
    def states(self) -> Counter[FindingState]:
        """How many findings are in each state; an act that nobody took is unassessed."""
        taken = {finding.act for finding in self.findings}
        return Counter(finding.state for finding in self.findings) + Counter({FindingState.UNASSESSED: len(set(self.acts) - taken)})

    @property
    def signed(self) -> list[Finding]:
        """The findings whose newest round is confirmed."""
        return [finding for finding in self.findings if finding.round is not None and finding.round.is_confirmed]

    @property
    def by_two(self) -> int:
        """How many of these two different people signed."""
        return sum(Fault.ALONE not in finding.round.faults for finding in self.signed if finding.round)


@dataclass(frozen=True, slots=True)
class Reviews:
    """How reviews ended: figures on quality (who agrees with whom)."""

    ended: int
    returned: int
    changed: int


def read_findings(entries: Iterable[Entry]) -> dict[str, Finding]:
    """Put the entries of each finding together, oldest first.

    Args:
        entries: of the log, in its order.

    Returns:
        record name → finding.
    """
    found: dict[str, Finding] = {}
    for entry in entries:
        if entry.kind.startswith("finding.") and entry.record_kind == "finding":
            _add(found.setdefault(entry.record, Finding(entry.record)), entry)
    return found


def sight_of(one: Round) -> Sight:
    """Return the four eyes of a round."""
    if not one.is_confirmed:
        return Sight(Eyes.HALF)
    return Sight(Eyes.BROKEN if Fault.ALONE in one.faults else Eyes.BOTH, len(one.signers))


def read_sights(entries: Sequence[Entry]) -> dict[int, Sight]:
    """Say of each entry whether two people were needed, and whether two people signed.

    Args:
        entries: the whole log as far as it opens, in its order.

    Returns:
        place → four eyes.
    """
    confirmed = {one.ended.index: one for finding in read_findings(entries).values() for one in finding.rounds if one.ended}
    before: dict[str, str] = {}  # what waits for a second person → who was the first
    sights = {}
    for entry in entries:
        first = before.get(_waits(entry), "")
        match entry.kind:
            case "finding.proposed" | "finding.approved" | "finding.returned" | "report.closing" | "message.handed":
                sight = Sight(Eyes.HALF)
            case "finding.confirmed":
                sight = sight_of(confirmed.get(entry.index) or Round(None, ended=entry))
            case "finding.refused":
                sight = Sight(Eyes.REFUSED)
            case "manifest.proposed":
                sight = Sight(Eyes.NONE if entry.word("withdrawn", DIGEST) else Eyes.HALF)
            case "report.closed" | "message.released" | "manifest.signed":
                sight = _two(first, entry.actor)
            case "member.granted":
                sight = _two(before.get(f"join {entry.record}", ""), first, entry.actor)
            case "member.removed":
                sight = _two(first, entry.actor) if first else Sight(Eyes.NONE)
            case _:
                sight = Sight(Eyes.NONE)
        _remember(before, entry)
        sights[entry.index] = sight
    return sights


def read_cases(entries: Sequence[Entry], findings: Mapping[str, Finding]) -> dict[str, Case]:
    """Put together what the log knows of each case, by code."""
    found: dict[str, Case] = {}
    for entry in entries:
        if entry.case:
            _add_to_case(found.setdefault(entry.case, Case(entry.case)), entry)
        for row in entry.rows("suggested") if entry.kind in SUGGESTED else ():
            other = row.get("case")
            if isinstance(other, str) and CASE.fullmatch(other) and other != entry.case:
                found.setdefault(other, Case(other)).links.append(entry)
    for finding in findings.values():
        for code in finding.cases:
            found[code].findings.append(finding)
    return dict(sorted(found.items(), key=lambda item: (len(item[0]), item[0])))


def read_reviews(findings: Iterable[Finding]) -> Reviews:
    """Count how reviews ended, and how often the next proposal named another level."""
    ended = returned = changed = 0
    for finding in findings:
        for at, one in enumerate(finding.rounds):
            if one.ended is None:
                continue
            ended += 1
            if not one.is_confirmed:
                returned += 1
                after = finding.rounds[at + 1] if at + 1 < len(finding.rounds) else None
                changed += after is not None and after.level != one.level
    return Reviews(ended, returned, changed)


def days_between(since: str, until: str) -> int:
    """Return the days between two ISO days; 0 where one is missing."""
    return max(0, (date.fromisoformat(until) - date.fromisoformat(since)).days) if since and until else 0


def _add(finding: Finding, entry: Entry) -> None:
    finding.entries.append(entry)
    newest = finding.rounds[-1] if finding.rounds and finding.rounds[-1].ended is None else None
    match entry.kind:
        case "finding.proposed":
            finding.rounds.append(Round(entry))
        case "finding.assigned" if newest:
            newest.reviewer = entry.word("reviewer", ID)
        case "finding.approved" if newest:
            newest.approved.append(entry)
        case "finding.confirmed" | "finding.returned":
            if newest is None:  # nothing was proposed, or that entry does not open
                newest = Round(None)
                finding.rounds.append(newest)
            newest.ended = entry
    after = _state_after(entry)
    if after is not None and after is not finding.state:
        finding.steps.append((after, entry.day))


def _state_after(entry: Entry) -> FindingState | None:
    match entry.kind:
        case "finding.taken":
            return FindingState.IN_ASSESSMENT
        case "finding.proposed":
            return FindingState.PROPOSED
        case "finding.assigned":
            return FindingState.IN_REVIEW
        case "finding.returned":
            return FindingState.RETURNED
        case "finding.confirmed":
            return DECISIONS.get(entry.word("decision"), FindingState.CONFIRMED)
        case "finding.disputed":
            return FindingState.DISPUTED
        case "finding.settled":
            is_kept = entry.word("to") == FindingState.CONFIRMED.value
            return FindingState.CONFIRMED if is_kept else FindingState.IN_ASSESSMENT
        case "finding.reopened":
            return FindingState.REOPENED
    return None


def _add_to_case(case: Case, entry: Entry) -> None:
    if entry.record_kind == "case" and case.id is None:
        case.id = UUID(entry.record_id)
    match entry.kind:
        case "incident.created":
            case.incidents += 1
        case "act.created":
            case.acts[entry.act or entry.record_id[:8]] = entry.type
        case "case.created" | "case.moved":
            case.moves.append(entry)
            case.state = next((state for state in CaseState if state.value == entry.word("to")), case.state)
        case "report.linked" | "report.accepted" | "report.unlinked" | "suggestion.refused":
            case.links.append(entry)
        case kind if kind in OPENINGS:
            case.openings.append(entry)


def _two(*people: str) -> Sight:
    """Say whether these are two people at least; an empty name is somebody whose entry is not there."""
    known = {person for person in people if person}
    return Sight(Eyes.BOTH if len(known) >= TWO else Eyes.BROKEN, len(known))


def _waits(entry: Entry) -> str:
    """Name what this entry may be the second half of."""
    manifest = entry.word("manifest", DIGEST)
    return f"manifest {manifest}" if manifest else entry.record


def _remember(before: dict[str, str], entry: Entry) -> None:
    match entry.kind:
        case "report.closing" | "message.handed" | "member.invited":
            before[entry.record] = entry.actor
        case "manifest.proposed" if entry.word("manifest", DIGEST):
            before[_waits(entry)] = entry.actor
        case "member.joined":
            before[f"join {entry.record}"] = before.get(f"invitation:{entry.word('invitation', ID)}", "")
        case "report.kept" | "report.closed" | "report.withdrawn":
            before.pop(entry.record, None)
