"""Assess an act, propose, review with four eyes, dispute, reopen. Each step is an entry in the transaction that makes it.

Who proposed is locked out of the review; so is who accepted a linked report, and who wrote to its source.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.cases.files import CaseFile, leased_case, read_case
from app.cases.records import ActItem, IncidentItem
from app.cases.vocabulary import label, vocabulary
from app.errors import BarredError, ConflictError, DamagedError, IncompleteError, MalformedError, NotYetError, SamePersonError, SealError
from app.findings import approvals, levels
from app.findings.approvals import Approved, with_signature
from app.findings.notes import check_note
from app.findings.records import (
    ANSWERS,
    Answered,
    FindingBody,
    FindingItem,
    Given,
    Round,
    facts_of,
    grades_of,
    inputs_of,
    is_graded,
    is_treated,
    open_finding,
    open_findings,
    outcome_of,
    ref_of,
    save_finding,
    take_snapshot,
    torn_origins,
)
from app.findings.signatures import CONFIRM, LEAD, PROPOSER, PROTECTION, RETURN, REVIEWER, Verdict, is_borne, judge_round, parts_needed
from app.findings.states import DECISIONS, LEVEL, NO_LEVEL, WAITING, step_of
from app.ledger.append import Actor, append
from app.ledger.read import find_changed
from app.reports import letters
from app.reports.calendar import day_of
from app.reports.overview import overview
from app.reports.records import open_reports
from app.store.cases import Approval, Finding, FindingState
from app.store.reports import Report
from app.vault.encoding import from_b64, to_jcs
from app.vault.statement import PROPOSAL, reasoning_digest, sign

MAX_TEXT: Final = 4_000
MAX_COMMENT: Final = 3_000
MAX_STATEMENTS: Final = 20
MAX_CONTRADICTIONS: Final = 20
FOUR_EYES: Final = 2
_MAX_LINE: Final = 600  # a reading, or who says so and how they know
_MAX_WORD: Final = 80  # an origin or a household
_MAX_BODY: Final = 200_000  # bytes before a proposal, so that its signatures and comments still fit
_LINES: Final = ("reading_a", "source_a", "reading_b", "source_b", "why")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment(Given):
    """What an assessor typed; nothing in it is computed."""

    confirm: str
    refute: str
    speaks_for: str
    speaks_against: str
    reasoning: str
    standard: str | None
    decision: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """One act with its case and its finding, as a page shows it.

    `barred` maps each lead and caseworker who may not review to why: `proposer`, `signed`, `accepted`, `wrote`; None where a report or
    letter that would tell is damaged or gone, so that it cannot be said.
    """

    file: CaseFile
    incident: IncidentItem
    act: ActItem
    finding: FindingItem | None
    verdict: Verdict | None
    approvals: tuple[Approved, ...]
    staff: frozenset[str]
    barred: Mapping[str, str] | None

    @property
    def state(self) -> FindingState:
        """Where it stands; an act that nobody took is unassessed."""
        return self.finding.row.state if self.finding else FindingState.UNASSESSED

    @property
    def version(self) -> int:
        """The version of its finding; 0 while there is none."""
        return self.finding.row.version if self.finding else 0

    @property
    def reviewers(self) -> list[str]:
        """Who could review it."""
        return [] if self.barred is None else sorted(self.staff - set(self.barred))

    @property
    def is_stale(self) -> bool:
        """Whether the records of the act changed since it was proposed: then it can only be returned."""
        if self.finding is None or self.finding.round is None:
            return False
        one = self.finding.round
        is_newer = approvals.proposal_of(one).value["act_version"] != self.act.row.version
        cited = {statement["report"] for statement in one.seen["statements"] if statement["report"]}
        live = {link["report"] for link in self.incident.body.reports}
        against = {link["report"] for link in self.incident.body.reports if link["type"] == "contradicts"}
        # a report that contradicts and is not weighed, or one that is cited and no longer linked, came after the proposal
        return bool(is_newer or against - cited or cited - live or one.seen["act"] != facts_of(self.file, self.incident, self.act))


def read_sheet(session: Session, actor: Actor, session_id: bytes, case_id: UUID, act_id: UUID, *, now: datetime) -> Sheet:
    """Return an act of an opened case with its finding.

    Raises:
        UnknownError: no such act in this case.
        NoLeaseError, DamagedError: as elsewhere; also where the signatures do not bear the stored state.
    """
    file = leased_case(session, actor, session_id, case_id, now=now)
    incident, act = file.act(act_id)
    finding = open_finding(session, actor, act_id)
    if finding is not None and not is_borne(actor.chain, finding):
        raise DamagedError
    verdict = judge_round(actor.chain, finding, finding.round) if finding and finding.round else None
    approved = approvals.arrived(session, actor, finding) if finding and finding.row.state in WAITING else ()
    return Sheet(
        file=file,
        incident=incident,
        act=act,
        finding=finding,
        verdict=verdict,
        approvals=approved,
        staff=frozenset(
            member.id
            for member in actor.chain.newest.members.values()
            if member.roles & {"lead", "caseworker"} and actor.chain.active(member.id)
        ),
        barred=_barred(session, actor, incident, finding, verdict, approved),
    )


def citable(sheet: Sheet) -> tuple[list[str], list[str]]:
    """Return the ids of the publications and reports that a statement may be found in, those of the act's own incident first."""
    incidents = (sheet.incident, *sheet.file.incidents)
    own = sheet.finding.body.statements if sheet.finding else []
    publications = [key for incident in incidents for key in incident.body.publications]
    publications += [item["publication"] for item in own if item["publication"]]
    reports = [entry["report"] for entry in sheet.incident.body.reports] + [item["report"] for item in own if item["report"]]
    return list(dict.fromkeys(publications)), list(dict.fromkeys(reports))


def take(
    session: Session, actor: Actor, session_id: bytes, case_id: UUID, act_id: UUID, *, version: int, now: datetime, lang: str = "en"
) -> None:
    """Take an act for assessment; a lead may take one over. The first time there is a statement for each publication, without a grade.

    Args:
        session: an open write transaction.
        actor: who takes it.
        session_id: the session that opened the case.
        case_id: the case.
        act_id: the act.
        version: of the finding, as the page showed it; 0 where there is none.
        now: aware UTC time.
        lang: the language of what is filled in.

    Raises:
        ConflictError: there is no such step, or somebody was faster.
        UnknownError, NoLeaseError, DamagedError: as `read_sheet`.
    """
    sheet = read_sheet(session, actor, session_id, case_id, act_id, now=now)
    before, item = sheet.state, sheet.finding
    step = step_of(before, "finding.taken")
    if step is None or sheet.version != version:
        raise ConflictError
    if item is None:
        row = Finding(id=uuid4(), act_id=act_id, state=step.after)
        body = FindingBody(actor.member_id, statements=_first_statements(sheet, lang))
    elif before is FindingState.IN_ASSESSMENT and (item.body.assessor == actor.member_id or "lead" not in actor.roles):
        raise ConflictError
    else:
        row, body = item.row, item.body
        row.state, body.assessor = step.after, actor.member_id
    _trail(body, "taken", actor, "", now)  # who ever worked on it does not review it
    save_finding(session, actor, row, body, "finding.taken", now=now, details=_details(sheet) | {"from": before.value})


def assess(
    session: Session, actor: Actor, session_id: bytes, case_id: UUID, act_id: UUID, *, typed: Assessment, version: int, now: datetime
) -> None:
    """Save the assessment; it may be incomplete.

    Raises:
        MalformedError: something is too long, or not one of the choices.
        ConflictError: not the assessor, another state, or somebody saved meanwhile.
        UnknownError, NoLeaseError, DamagedError: as `read_sheet`.
    """
    sheet, item = _assessing(session, actor, session_id, case_id, act_id, version, now)
    _write(item.body, typed, sheet)
    save_finding(session, actor, item.row, item.body, "finding.assessed", now=now, details=_details(sheet))


def propose(
    session: Session,
    actor: Actor,
    session_id: bytes,
    case_id: UUID,
    act_id: UUID,
    *,
    typed: Assessment,
    version: int,
    now: datetime,
    note: str = "",
) -> None:
    """Save the assessment and sign it as a proposal.

    Args:
        session: an open write transaction.
        actor: the assessor.
        session_id: the session that opened the case.
        case_id: the case.
        act_id: the act.
        typed: the assessment.
        version: of the finding, as the page showed it.
        now: aware UTC time.
        note: for the auditor; holds no name of the case.

    Raises:
        IncompleteError: what is missing, by code.
        NamedError: the note holds a name.
        MalformedError, ConflictError, UnknownError, NoLeaseError, DamagedError: as `assess`.
    """
    sheet, item = _assessing(session, actor, session_id, case_id, act_id, version, now)
    body = item.body
    _write(body, typed, sheet)
    missing = missing_for(body)
    live = {link["report"] for link in sheet.incident.body.reports}
    if any(item["report"] and item["report"] not in live for item in body.statements):
        missing.append("unlinked")  # withdrawn, or no longer about this incident
    if missing:
        raise IncompleteError(missing)
    note = check_note(note, sheet.file)
    outcome = outcome_of(body) if body.decision == LEVEL else None
    level, rule = (outcome.level, outcome.rule) if outcome else (NO_LEVEL[body.decision], None)
    one = take_snapshot(sheet.file, sheet.incident, sheet.act, body, level=level, rule=rule)
    body.rounds.append(one)
    body.reviewer = ""
    said = {
        "root": actor.root.hex(),
        "finding": str(item.id),
        "act": str(act_id),
        "round": len(body.rounds),
        "act_version": sheet.act.row.version,
        "decision": body.decision,
        "level": level,
        "rule": rule,
        "standard": body.standard,
        "statements": [
            {"origin": entry["grading"]["origin"], "grade": grade} for entry, grade in zip(body.statements, grades_of(body), strict=True)
        ],
        "snapshot": one.digest,
        "manifest": actor.chain.newest.digest.hex(),
        "member": actor.member_id,
        "role": ",".join(sorted(actor.roles)),
    }
    one.signatures.append(sign(PROPOSAL, said, actor.keys.signing).to_value())
    if len(to_jcs(asdict(body))) > _MAX_BODY:
        raise MalformedError
    item.row.state = FindingState.PROPOSED
    _save_round(session, actor, item, "finding.proposed", now, _details(sheet) | _judged(one, body, people=1, note=note))


def assign(
    session: Session, actor: Actor, session_id: bytes, case_id: UUID, act_id: UUID, *, reviewer: str, version: int, now: datetime
) -> None:
    """Ask somebody to review, as a lead.

    Raises:
        BarredError: this person may not review it.
        ConflictError, UnknownError, NoLeaseError, DamagedError: as `assess`; damaged also where it cannot be said who may review.
    """
    sheet, item = _at(session, actor, session_id, case_id, act_id, "finding.assigned", version, now)
    if sheet.barred is None:
        raise DamagedError
    if reviewer not in sheet.reviewers:
        raise BarredError
    item.body.reviewer, item.row.state = reviewer, FindingState.IN_REVIEW
    _save_round(session, actor, item, "finding.assigned", now, _details(sheet) | {"reviewer": reviewer})


def approve(session: Session, actor: Actor, session_id: bytes, case_id: UUID, act_id: UUID, *, version: int, now: datetime) -> None:
    """Sign as the lead whom a refutation needs beside its reviewer.

    Raises:
        SamePersonError: somebody who signed it already, or is asked to review it.
        ConflictError: no lead is needed, or one signed; else as `assess`.
        UnknownError, NoLeaseError, DamagedError: as `read_sheet`.
    """
    sheet, item = _at(session, actor, session_id, case_id, act_id, "finding.approved", version, now)
    verdict = sheet.verdict
    if verdict is None or LEAD not in verdict.missing:
        raise ConflictError
    if actor.member_id in (*_signers(sheet), item.body.reviewer):
        raise SamePersonError
    one = _round(item)
    _replace_round(item, with_signature(one, _review(actor, item, one, LEAD, CONFIRM, ""), "", day=day_of(now)))
    details = _details(sheet) | _judged(one, item.body, people=verdict.people + 1)
    _save_round(session, actor, item, "finding.approved", now, details)


def check_reviewer(session: Session, actor: Actor, session_id: bytes, case_id: UUID, act_id: UUID, *, version: int, now: datetime) -> None:
    """Refuse whoever may not review this.

    Raises:
        SamePersonError, BarredError, ConflictError, UnknownError, NoLeaseError, DamagedError: as `confirm`.
    """
    _reviewing(session, actor, session_id, case_id, act_id, "finding.confirmed", version, now)


def confirm(
    session: Session,
    actor: Actor,
    session_id: bytes,
    case_id: UUID,
    act_id: UUID,
    *,
    comment: str,
    note: str,
    version: int,
    now: datetime,
) -> None:
    """Sign as the reviewer: what was proposed stands, by two different people.

    Raises:
        SamePersonError: somebody who signed it already.
        BarredError: not the one who was asked, or somebody who may not review it.
        NotYetError: a protection officer or a lead has to sign first, or gave it back.
        NamedError: the note holds a name.
        ConflictError: the records of the act changed since it was proposed; else as `assess`.
        MalformedError, UnknownError, NoLeaseError, DamagedError: as elsewhere.
    """
    sheet, item = _reviewing(session, actor, session_id, case_id, act_id, "finding.confirmed", version, now)
    if sheet.is_stale:
        raise ConflictError
    note, comment = check_note(note, sheet.file), _tidy(comment)
    _take_in(sheet, item, now)
    before = judge_round(actor.chain, item, _round(item))
    if before.returned or set(before.missing) - {REVIEWER}:
        raise NotYetError
    verdict = _sign(actor, item, CONFIRM, comment, now)
    if verdict.state is None or verdict.people < FOUR_EYES:
        raise SamePersonError
    item.row.state = verdict.state
    details = _details(sheet) | _judged(_round(item), item.body, people=verdict.people, note=note)
    _end_round(session, actor, item, "finding.confirmed", now, details)


def give_back(
    session: Session,
    actor: Actor,
    session_id: bytes,
    case_id: UUID,
    act_id: UUID,
    *,
    reason: str,
    comment: str,
    note: str,
    version: int,
    now: datetime,
) -> None:
    """Return a proposal as the reviewer, with a reason and a comment.

    Raises:
        MalformedError: no comment, or no such reason.
        SamePersonError, BarredError, NamedError, ConflictError, UnknownError, NoLeaseError, DamagedError: as `confirm`.
    """
    sheet, item = _reviewing(session, actor, session_id, case_id, act_id, "finding.returned", version, now)
    note, comment = check_note(note, sheet.file), _tidy(comment)
    if not comment or reason not in vocabulary("objection").by_code:
        raise MalformedError
    _take_in(sheet, item, now)
    verdict = _sign(actor, item, RETURN, comment, now, reason)
    item.row.state = FindingState.RETURNED
    details = _details(sheet) | _judged(_round(item), item.body, people=verdict.people, note=note) | {"reasons": [reason]}
    _end_round(session, actor, item, "finding.returned", now, details)


def dispute(
    session: Session,
    actor: Actor,
    session_id: bytes,
    case_id: UUID,
    act_id: UUID,
    *,
    reason: str,
    text: str,
    version: int,
    now: datetime,
) -> None:
    """Dispute a confirmed finding.

    Raises:
        MalformedError: no text, or no such reason.
        ConflictError, UnknownError, NoLeaseError, DamagedError: as `assess`.
    """
    _check_reason(text)
    if reason not in vocabulary("objection").by_code:
        raise MalformedError
    sheet, item = _at(session, actor, session_id, case_id, act_id, "finding.disputed", version, now)
    _dispute(session, actor, item, text, reason, _details(sheet), now)


def dispute_contradicted(session: Session, actor: Actor, file: CaseFile, incidents: Collection[UUID], *, now: datetime) -> int:
    """Dispute every confirmed finding on an incident that a new report contradicts; returns how many."""
    return _dispute_all(session, actor, file, incidents, now, cited=None)


def dispute_withdrawn(session: Session, actor: Actor, report_id: UUID, incidents: Iterable[IncidentItem], *, now: datetime) -> int:
    """Dispute every confirmed finding that stands on a report which was withdrawn or unlinked; returns how many."""
    homes = {incident.row.case_id for incident in incidents}
    ids = {incident.id for incident in incidents}
    files = [read_case(session, actor, home) for home in sorted(homes, key=str)]
    return sum(_dispute_all(session, actor, file, ids, now, cited=str(report_id)) for file in files)


def _dispute_all(session: Session, actor: Actor, file: CaseFile, incidents: Collection[UUID], now: datetime, *, cited: str | None) -> int:
    """Dispute the confirmed findings on these incidents; with `cited`, only those that stand on this report."""
    acts = {act.id: (incident, act) for incident, act in file.all_acts if incident.id in incidents}
    found, damaged = open_findings(session, actor, list(acts))
    if damaged:
        raise DamagedError  # whether it has to be disputed cannot be said
    count = 0
    for act_id, item in found.items():
        if item.row.state is FindingState.CONFIRMED and is_borne(actor.chain, item):
            if cited is not None and not (item.round and any(one["report"] == cited for one in item.round.seen["statements"])):
                continue
            incident, act = acts[act_id]
            details = {"case": file.body.code, "act": ref_of(incident, act), "type": act.body.type}
            _dispute(session, actor, item, "", "new_information", details, now)
            count += 1
    return count


def settle(
    session: Session,
    actor: Actor,
    session_id: bytes,
    case_id: UUID,
    act_id: UUID,
    *,
    to: FindingState,
    text: str,
    version: int,
    now: datetime,
) -> None:
    """Settle a dispute as a lead: the finding stands, or is assessed again.

    Raises:
        MalformedError: no resolution.
        ConflictError, UnknownError, NoLeaseError, DamagedError: as `assess`.
    """
    _check_reason(text)
    sheet, item = _at(session, actor, session_id, case_id, act_id, "finding.settled", version, now)
    if step_of(item.row.state, "finding.settled", to) is None:
        raise ConflictError
    item.row.state = to
    _trail(item.body, f"settled_{to.value}", actor, text, now)
    save_finding(session, actor, item.row, item.body, "finding.settled", now=now, details=_details(sheet) | {"to": to.value})


def reopen(
    session: Session, actor: Actor, session_id: bytes, case_id: UUID, act_id: UUID, *, text: str, version: int, now: datetime
) -> None:
    """Open a signed finding again as a lead; what was signed stays in its history.

    Raises:
        MalformedError: no reason.
        ConflictError, UnknownError, NoLeaseError, DamagedError: as `assess`.
    """
    _check_reason(text)
    sheet, item = _at(session, actor, session_id, case_id, act_id, "finding.reopened", version, now)
    details = _details(sheet) | {"from": item.row.state.value}
    item.row.state = FindingState.REOPENED
    _trail(item.body, "reopened", actor, text, now)
    save_finding(session, actor, item.row, item.body, "finding.reopened", now=now, details=details)


def record_refusal(session: Session, actor: Actor, session_id: bytes, case_id: UUID, act_id: UUID, *, why: str, now: datetime) -> None:
    """Leave an entry of a review that the rules refused: an auditor sees attempts, too.

    Raises:
        UnknownError, NoLeaseError, DamagedError: as `read_sheet`.
    """
    sheet = read_sheet(session, actor, session_id, case_id, act_id, now=now)
    if sheet.finding is not None:
        append(session, actor, "finding.refused", now=now, about=sheet.finding.row.record, details=_details(sheet) | {"reasons": [why]})


def missing_for(given: FindingBody | Assessment) -> list[str]:
    """Return what a proposal still lacks, by code."""
    checks = {
        "grades": all(map(is_graded, given.statements)),
        "household": not torn_origins(given.statements),
        "contradictions": all(map(is_treated, given.contradictions)),
        "speaks_against": given.speaks_against.strip(),
        "reasoning": given.reasoning.strip(),
        "standard": given.standard,
    }
    if given.decision == LEVEL:
        checks |= {"statements": given.statements, **{name: given.answers.get(name) is not None for name in ANSWERS}}
        checks["level"] = _has_level(given)
    return [name for name, is_there in checks.items() if not is_there]


def _has_level(given: Answered) -> bool:
    """Whether there is more to sign than that it was told; while answers are missing that is not known, and they are named instead."""
    outcome = outcome_of(given)
    return outcome is None or outcome.level != levels.LEVELS[0]


def _first_statements(sheet: Sheet, lang: str) -> list[dict[str, Any]]:
    """Begin one statement for each publication and each linked report; grades and origins that nobody stated stay open."""
    body, references = sheet.incident.body, sheet.file.references
    found = []
    for key in body.publications:
        details = references[key].body.details if key in references else {}
        who = ", ".join(filter(None, (sheet.file.name_of(key), str(details.get("publisher", "")))))
        how = label("basis", body.basis, lang) if body.basis else ""
        found.append(_statement(who, how, str(details.get("origin", "")), publication=key))
    found += [_statement("", "", "", report=entry["report"]) for entry in body.reports]
    return found[:MAX_STATEMENTS]


def _statement(who: str, how: str, origin: str, *, publication: str | None = None, report: str | None = None) -> dict[str, Any]:
    answers = dict.fromkeys(("first_hand", "detailed", "consistent", "documentary", "authentic", "accused", "admission"), False)
    grading = {"reliability": None, "credibility": None, **answers, "origin": origin[:_MAX_WORD], "household": None}
    who, how = who[:_MAX_LINE], how[:_MAX_LINE]
    return {"who": who, "how": how, "publication": publication, "report": report, "interest": None, "access": None, "grading": grading}


def _write(body: FindingBody, typed: Assessment, sheet: Sheet) -> None:
    texts = (typed.confirm, typed.refute, typed.speaks_for, typed.speaks_against, typed.reasoning)
    if any(len(text) > MAX_TEXT for text in texts) or typed.decision not in DECISIONS:
        raise MalformedError
    if len(typed.statements) > MAX_STATEMENTS or len(typed.contradictions) > MAX_CONTRADICTIONS:
        raise MalformedError
    if not vocabulary("standard_of_proof").accepts(typed.standard):
        raise MalformedError
    publications, reports = citable(sheet)
    for statement in typed.statements:
        _check_statement(statement, {*publications, None}, {*reports, None})
    for item in typed.contradictions:
        _check_contradiction(item)
    body.confirm, body.refute = typed.confirm, typed.refute
    body.statements, body.contradictions = list(typed.statements), list(typed.contradictions)
    body.answers = {name: typed.answers.get(name) for name in ANSWERS}
    body.speaks_for, body.speaks_against, body.reasoning = typed.speaks_for, typed.speaks_against, typed.reasoning
    body.standard, body.decision = typed.standard, typed.decision


def _check_statement(statement: dict[str, Any], publications: set[str | None], reports: set[str | None]) -> None:
    grading = statement["grading"]
    is_cited = statement["publication"] in publications and statement["report"] in reports
    is_coded = vocabulary("interest").accepts(statement["interest"]) and vocabulary("access").accepts(statement["access"])
    is_short = all(len(statement[name]) <= _MAX_LINE for name in ("who", "how"))
    is_short = is_short and len(grading["origin"]) <= _MAX_WORD and len(grading["household"] or "") <= _MAX_WORD
    if not (is_cited and is_coded and is_short):
        raise MalformedError
    open_parts = {"origin": grading["origin"] or "-", "household": grading["household"]}
    open_parts["reliability"] = grading["reliability"] or levels.RELIABILITIES[-1]
    levels.Statement(**{**grading, **open_parts, "credibility": grading["credibility"] or levels.CREDIBILITIES[-1]})


def _check_contradiction(item: dict[str, Any]) -> None:
    if any(len(item[name]) > _MAX_LINE for name in _LINES):
        raise MalformedError
    levels.Contradiction(about=item["about"] or "other", material=item["material"] or False, treatment=item["treatment"] or "resolved")


def _assessing(
    session: Session, actor: Actor, session_id: bytes, case_id: UUID, act_id: UUID, version: int, now: datetime
) -> tuple[Sheet, FindingItem]:
    sheet, item = _at(session, actor, session_id, case_id, act_id, "finding.assessed", version, now)
    if item.body.assessor != actor.member_id:
        raise ConflictError
    return sheet, item


def _reviewing(
    session: Session, actor: Actor, session_id: bytes, case_id: UUID, act_id: UUID, kind: str, version: int, now: datetime
) -> tuple[Sheet, FindingItem]:
    """Return what is under review; who may not review it is told that, whatever else holds."""
    sheet = read_sheet(session, actor, session_id, case_id, act_id, now=now)
    item = sheet.finding
    if item is None or item.row.state not in WAITING:
        raise ConflictError
    if actor.member_id in _signers(sheet):
        raise SamePersonError
    if sheet.barred is None:
        raise DamagedError
    if actor.member_id in sheet.barred or item.body.reviewer != actor.member_id:
        raise BarredError
    _expect(item, kind, version)
    return sheet, item


def _at(
    session: Session, actor: Actor, session_id: bytes, case_id: UUID, act_id: UUID, kind: str, version: int, now: datetime
) -> tuple[Sheet, FindingItem]:
    sheet = read_sheet(session, actor, session_id, case_id, act_id, now=now)
    if sheet.finding is None:
        raise ConflictError
    _expect(sheet.finding, kind, version)
    return sheet, sheet.finding


def _expect(item: FindingItem, kind: str, version: int) -> None:
    if item.row.version != version or step_of(item.row.state, kind) is None:
        raise ConflictError


def _signers(sheet: Sheet) -> set[str]:
    signed = {one.signed.member for one in sheet.approvals}
    return signed | (set(sheet.verdict.signers.values()) if sheet.verdict else set())


def _barred(
    session: Session,
    actor: Actor,
    incident: IncidentItem,
    finding: FindingItem | None,
    verdict: Verdict | None,
    approved: tuple[Approved, ...],
) -> dict[str, str] | None:
    """Say who may not review: who assessed or signed, who linked or accepted a report, linked now or once, and who wrote to its source.

    A link that was taken back counts as well: else its maker could take it back, review, and link again.
    """
    is_waiting = finding is not None and finding.row.state in WAITING
    ids = {entry["report"] for entry in incident.body.reports}
    ids |= {str(item.id) for item in overview(session, actor).opened if str(incident.id) in item.incidents}
    if is_waiting and finding and finding.round:
        ids |= {statement["report"] for statement in finding.round.seen["statements"] if statement["report"]}
    rows = [row for report in sorted(ids) if (row := session.get(Report, UUID(report))) is not None]
    opened = [item for item in open_reports(session, actor, rows).values() if item is not None]
    if len(opened) < len(ids) or find_changed(session, actor, [item.row for item in opened]):
        return None
    barred: dict[str, str] = {}
    for item in opened:
        written, lost = letters.letters_of(session, actor, item)
        if lost:
            return None
        barred.update((letter.message.author, "wrote") for letter in written)
        linkers = [entry["by"] for entry in item.work.links if entry["incident"] == str(incident.id)]
        barred.update((member, "accepted") for member in (item.work.accepted_by, *linkers) if member)
    if is_waiting and finding:
        barred.update((entry["by"], "assessed") for entry in finding.body.trail if entry["what"] == "taken")
        barred.update((approvals.proposal_of(one).member, "assessed") for one in finding.body.rounds)
    if is_waiting and verdict:
        barred.update((one.signed.member, "signed") for one in approved)
        barred.update((member, "proposer" if part == PROPOSER else "signed") for part, member in verdict.signers.items())
    return barred


def _take_in(sheet: Sheet, item: FindingItem, now: datetime) -> None:
    """Take the protection officer's statement into the round."""
    for approved in sheet.approvals:
        _replace_round(item, with_signature(_round(item), approved.signed, approved.comment, day=day_of(now)))


def _sign(actor: Actor, item: FindingItem, decision: str, comment: str, now: datetime, reason: str = "") -> Verdict:
    """Sign as the reviewer, and judge what that makes of the round."""
    one = _round(item)
    signed = _review(actor, item, one, REVIEWER, decision, comment)
    _replace_round(item, with_signature(one, signed, comment, day=day_of(now), reason=reason))
    try:
        return judge_round(actor.chain, item, _round(item))
    except SealError:
        raise BarredError from None  # this member's signature does not count here


def _save_round(session: Session, actor: Actor, item: FindingItem, kind: str, now: datetime, details: dict[str, Any]) -> None:
    save_finding(session, actor, item.row, item.body, kind, now=now, details=details)
    if PROTECTION in set(parts_needed(_round(item).seen)):
        approvals.offer(session, actor, item.row)


def _end_round(session: Session, actor: Actor, item: FindingItem, kind: str, now: datetime, details: dict[str, Any]) -> None:
    session.execute(delete(Approval).where(Approval.finding_id == item.id))
    save_finding(session, actor, item.row, item.body, kind, now=now, details=details)


def _dispute(session: Session, actor: Actor, item: FindingItem, text: str, reason: str, details: dict[str, Any], now: datetime) -> None:
    item.row.state = FindingState.DISPUTED
    _trail(item.body, "disputed", actor, text, now, reason)
    save_finding(session, actor, item.row, item.body, "finding.disputed", now=now, details=details | {"reasons": [reason]})


def _round(item: FindingItem) -> Round:
    if item.round is None:
        raise DamagedError
    return item.round


def _replace_round(item: FindingItem, one: Round) -> None:
    item.body.rounds[-1] = one


def _review(actor: Actor, item: FindingItem, one: Round, part: str, decision: str, comment: str) -> Any:
    return approvals.sign_review(actor, str(item.id), one, part, decision, comment)


def _details(sheet: Sheet) -> dict[str, Any]:
    return {"case": sheet.file.body.code, "act": ref_of(sheet.incident, sheet.act), "type": sheet.act.body.type}


def _judged(one: Round, body: FindingBody, *, people: int, note: str = "") -> dict[str, Any]:
    seen, inputs = one.seen, inputs_of(body)
    reasoning = {"for": body.speaks_for, "against": body.speaks_against, "reasoning": body.reasoning}
    found = {
        "level": seen["level"],
        "rule": seen["rule"],
        "standard": body.standard,
        "grades": grades_of(body),
        "origins": levels.explain(inputs).origins if inputs else 0,
        "decision": body.decision,
        "people": people,
        "seal": reasoning_digest(from_b64(one.salt), reasoning),
    }
    return found | ({"note": note} if note else {})


def _tidy(comment: str) -> str:
    comment = comment.strip()
    if len(comment) > MAX_COMMENT:
        raise MalformedError
    return comment


def _check_reason(text: str) -> None:
    if not text.strip() or len(text) > MAX_COMMENT:
        raise MalformedError


def _trail(body: FindingBody, what: str, actor: Actor, text: str, now: datetime, reason: str = "") -> None:
    body.trail.append({"what": what, "by": actor.member_id, "day": day_of(now), "text": text, "reason": reason})
