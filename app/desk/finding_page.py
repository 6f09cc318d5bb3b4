"""What the page of a finding shows. What signers see comes from their snapshot alone, never from the records as they are now."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.cases.vocabulary import WORDS
from app.desk import finding_labels as words
from app.desk.case_labels import DETAILS, KIN, begin, non_answer, say
from app.desk.dates import when_text
from app.findings import levels
from app.findings.approvals import Approved
from app.findings.levels import Inputs
from app.findings.records import FindingBody, FindingItem, Round, given_of, inputs_of, is_graded, take_snapshot
from app.findings.review import Assessment, Sheet, missing_for
from app.findings.signatures import LEAD, PROPOSER, PROTECTION, RETURN, REVIEWER, judge_round, parts_needed, signer_of
from app.findings.states import LEVEL, NO_LEVEL
from app.i18n.text import day_text, ngettext
from app.i18n.text import gettext as _
from app.store.cases import FindingState as S
from app.vault.encoding import sha256
from app.vault.manifest import Chain
from app.vault.statement import Signed
from app.web import labels
from app.web.labels import roles_text

Text = Callable[[str], str]

_ORDER: Final = (PROPOSER, PROTECTION, LEAD, REVIEWER)
_KEY_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Speech:
    """How a page speaks of people: `text` hides names in a free text where they are not shown; `members` are our own."""

    shown: bool
    text: Text
    members: Mapping[str, str]

    def member(self, member_id: str) -> str:
        """Return the name of one of us."""
        return self.members.get(member_id, "")


def preview(sheet: Sheet) -> dict[str, Any]:
    """Return what signers would see if it were proposed now; of an act that nobody took, its facts."""
    body = sheet.finding.body if sheet.finding else FindingBody("")
    return take_snapshot(sheet.file, sheet.incident, sheet.act, body, level=None, rule=None).seen


def seen_values(seen: Mapping[str, Any], speech: Speech) -> dict[str, Any]:
    """Return everything that a snapshot says, in words."""
    inputs = inputs_of(given_of(seen))
    return {
        "title": _title(seen["act"], speech),
        "facts": facts_values(seen["act"], speech),
        "plan": [(_("What would confirm it"), lines(seen["confirm"], speech)), (_("What would refute it"), lines(seen["refute"], speech))],
        "groups": _groups(seen, inputs, speech),
        "voices": levels.explain(inputs).origins if inputs else None,
        "one_read_as_two": bool(inputs and levels.explain(inputs).one_read_as_two),
        "for": lines(seen["speaks_for"], speech),
        "against": lines(seen["speaks_against"], speech),
        "contradictions": [_contradiction(item, speech) for item in seen["contradictions"]],
        "reasoning": lines(seen["reasoning"], speech),
        "level": level_values(inputs, decision=seen["decision"]),
        "standard": say("standard_of_proof", seen["standard"]),
        "answers": _answers(seen["answers"], inputs),
        "protection": PROTECTION in set(parts_needed(dict(seen))),
    }


def title_of(facts: Mapping[str, Any]) -> str:
    """Name an act by its kind alone, for lists without a name."""
    return begin(say("act", facts["type"]))


def facts_values(act: Mapping[str, Any], speech: Speech) -> list[tuple[str, list[str]]]:
    """Return the facts of an act."""
    when = when_text(act["when"]) + (f" ({speech.text(act['when_basis'])})" if act["when_basis"] else "")
    details = [(str(DETAILS.get(name, name.replace("_", " "))), speech.text(value)) for name, value in act["details"].items() if value]
    told = [_("a consequence, counted apart")] if act["consequence"] else []
    facts = [
        (_("Incident"), [speech.text(act["incident"])]),
        (_("When"), [when]),
        (_("Where"), [_reference(place, speech) for place in act["places"]] or [non_answer(None)]),
        (_("To whom"), [_person(person, speech) for person in act["victims"]] or [non_answer(None)]),
        (_("By whom"), [_reference(body, speech) for body in act["perpetrators"]] or [say("perpetrator", act["by"])]),
        (_("Words used"), [speech.text(act["words"])] if act["words"] else []),
        *((begin(name), [value]) for name, value in details),
        (_("Counted"), told),
        (_("Left open"), [speech.text(begin(text)) for text in act["open"]]),
    ]
    return [(name, values) for name, values in facts if values]


def level_values(inputs: Inputs | None, *, decision: str) -> dict[str, Any] | None:
    """Return the level that follows, its sentence and what would raise it; None while it cannot be computed."""
    if decision != LEVEL:
        return {"badge": badge(NO_LEVEL[decision]), "sentence": str(words.DECIDED[decision]), "raises": []}
    if inputs is None:
        return None
    outcome = levels.compute(inputs)
    raises = [{"badge": badge(step.level), "needs": [str(words.NEEDS[need]) for need in step.missing]} for step in outcome.raises]
    return {"badge": badge(outcome.level), "sentence": str(words.RULES[outcome.rule]), "raises": raises}


def badge(level: str) -> dict[str, str]:
    """Return a level as code and word; what is decided and not computed has a word only."""
    return {"code": "" if level in NO_LEVEL.values() else level, "word": say("level", level), "kind": level.lower()}


def state_values(state: S) -> dict[str, str]:
    """Return a state as word and shape."""
    text, kind = labels.FINDINGS[state.value]
    return {"text": str(text), "kind": kind}


def steps_of(state: S) -> list[dict[str, Any]]:
    """Return the line of states, with where it stands."""
    order = [S.UNASSESSED, S.IN_ASSESSMENT, S.PROPOSED, S.IN_REVIEW, S.CONFIRMED]
    match state:
        case S.RETURNED:
            order = [*order[:4], S.RETURNED]
        case S.UNVERIFIABLE | S.REFUTED:
            order = [*order[:4], state]
        case S.DISPUTED | S.REOPENED:
            order = [*order[1:], state]
        case _:
            pass
    at = order.index(state)
    return [{"text": state_values(one)["text"], "done": place < at, "current": place == at} for place, one in enumerate(order)]


def signature_rows(chain: Chain, item: FindingItem, one: Round, speech: Speech, waiting: Iterable[Approved] = ()) -> list[dict[str, Any]]:
    """Return the signatures of a round side by side, the ones still open too.

    Args:
        chain: the manifests that name the signers.
        item: the finding.
        one: the round.
        speech: how to speak of people.
        waiting: statements that lie with the team and go into the round when the reviewer signs.
    """
    verdict = judge_round(chain, item, one)
    signed = {str(found.value.get("as", PROPOSER)): found for found in map(Signed.read, one.signatures)}
    signed |= {str(approved.signed.value["as"]): approved.signed for approved in waiting}
    is_over = REVIEWER in verdict.signers
    needed = (PROPOSER, *parts_needed(one.seen))
    rows = []
    for part in _ORDER:
        if part in signed:
            rows.append(_signature(chain, part, signed[part], speech))
        elif part in needed and not is_over:
            who = speech.member(item.body.reviewer) if part == REVIEWER and item.body.reviewer else ""
            rows.append({"part": str(words.PARTS[part]), "name": "", "who": who})
    return rows


def round_values(chain: Chain, item: FindingItem, number: int, speech: Speech) -> dict[str, Any]:
    """Return an earlier round in short; the whole of it stays in the record."""
    one = item.body.rounds[number - 1]
    seen = one.seen
    return {
        "number": number,
        "returned": judge_round(chain, item, one).returned,
        "badge": badge(seen["level"]),
        "grades": ", ".join(f"{each['grading']['reliability']}{each['grading']['credibility']}" for each in seen["statements"]),
        "signatures": signature_rows(chain, item, one, speech),
        "comments": comment_rows(one, speech),
        "reasoning": lines(seen["reasoning"], speech),
        "against": lines(seen["speaks_against"], speech),
    }


def comment_rows(one: Round, speech: Speech) -> list[dict[str, Any]]:
    """Return what reviewers wrote."""
    return [
        {
            "by": speech.member(item["by"]),
            "day": day_text(item["day"]),
            "why": begin(say("objection", item["reason"])) if item["reason"] else "",
            "lines": lines(item["text"], speech),
        }
        for item in one.comments
    ]


def trail_rows(item: FindingItem, speech: Speech) -> list[dict[str, Any]]:
    """Return disputes and what became of them."""
    return [
        {
            "what": str(words.TRAIL[entry["what"]]),
            "by": speech.member(entry["by"]),
            "day": day_text(entry["day"]),
            "why": say("objection", entry["reason"]) if entry["reason"] else "",
            "lines": lines(entry["text"], speech),
        }
        for entry in item.body.trail
    ]


def missing_text(sheet: Sheet, member_id: str, speech: Speech, typed: Assessment | None = None) -> tuple[str, list[str]]:
    """Say what is missing and who may give it: a leading word, then sentences. Of an assessment that is just typed, what that lacks."""
    finding, lead = sheet.finding, _("Missing:")
    if finding is None:
        return _("Next:"), [_("somebody takes this act.")]
    match sheet.state:
        case S.IN_ASSESSMENT if finding.body.assessor == member_id:
            missing = [str(words.MISSING[code]) for code in missing_for(typed or finding.body)]
            return lead, [f"{'; '.join(missing)}." if missing else _("your signature.")]
        case S.IN_ASSESSMENT:
            return "", [_("%(name)s assesses this act.", name=speech.member(finding.body.assessor))]
        case S.PROPOSED | S.IN_REVIEW:
            return lead, _missing_signatures(sheet, member_id, speech)
        case S.DISPUTED:
            return lead, [_("a lead’s decision. Until then it is not shared.")]
        case S.RETURNED | S.REOPENED:
            return _("Next:"), [_("somebody takes it up again.")]
        case _:
            people = sheet.verdict.people if sheet.verdict else 0
            return "", [ngettext("Nothing is missing: %(num)d person signed.", "Nothing is missing: %(num)d people signed.", people)]


def lines(text: str, speech: Speech) -> list[str]:
    """Split what somebody wrote where they began a new line."""
    return [part for line in speech.text(text).splitlines() if (part := line.strip())]


def _missing_signatures(sheet: Sheet, member_id: str, speech: Speech) -> list[str]:
    finding, verdict = sheet.finding, sheet.verdict
    if finding is None or verdict is None:
        return []
    came = {PROTECTION} if sheet.approvals else set()
    absent = [part for part in verdict.missing if part not in came]
    named = {REVIEWER: speech.member(finding.body.reviewer)}
    parts = [f"{words.SIGNATURES[part]} ({named[part]})" if named.get(part) else str(words.SIGNATURES[part]) for part in absent]
    said = [f"{'; '.join(parts)}."]
    if any(approved.is_return for approved in sheet.approvals):
        said.append(_("The protection officer gave it back, so it can only be returned."))
    if sheet.is_stale:
        said.append(_("The records of this act changed since it was proposed, so it can only be returned."))
    if sheet.barred is None:
        return [*said, _("Who may review it cannot be said: a report or letter that would tell does not match its seal. Tell a lead.")]
    if sheet.state is S.PROPOSED:
        may = [speech.member(one) for one in sheet.reviewers]
        said.append(_("May review it: %(names)s.", names=", ".join(may)) if may else _("Nobody on the team may review it."))
    because = [f"{speech.member(one)} ({words.BARRED[why]})" for one, why in sheet.barred.items() if one in sheet.staff]
    if because:
        said.append(_("May not review it: %(names)s.", names=", ".join(because)))
    if finding.body.reviewer == member_id and member_id not in sheet.barred:
        said.append(_("You may sign: you did not propose it, did not accept its report and did not write to its source."))
    return said


def _title(act: Mapping[str, Any], speech: Speech) -> str:
    whom = [_person(person, speech) for person in act["victims"]]
    return f"{title_of(act)}: {'; '.join(whom)}" if whom else title_of(act)


def _person(person: Mapping[str, Any], speech: Speech) -> str:
    kin = str(KIN.get((person["relation"] or "", person["sex"] or "")) or say("relation", person["relation"]))
    if not person["code"]:
        who = _("somebody whose record is damaged")
    elif not speech.shown:
        who = f"{kin} ({person['code']})"
    else:
        name = person["name"]
        says_kin = kin.casefold() in name.casefold()  # words that stand for a name mostly do
        who = f"{name} ({kin})" if name and not says_kin else name or kin
    match person["minor"]:
        case "yes":
            return _("%(who)s, a minor", who=who)
        case "probable":
            return _("%(who)s, who may be a minor", who=who)
        case _:
            return who


def _reference(name: str, speech: Speech) -> str:
    return non_answer(name) if name in WORDS else speech.text(name)


def _groups(seen: Mapping[str, Any], inputs: Inputs | None, speech: Speech) -> list[dict[str, Any]]:
    """Return the statements under whose voice each is counted."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for item in seen["statements"]:
        grading = item["grading"]
        voice = ("household", grading["household"]) if grading["household"] else ("origin", grading["origin"])
        found.setdefault(voice, []).append(item)
    return [
        {"title": _voice_text(kind, name, items, speech), "many": len(items), "rows": [_statement(item, inputs, speech) for item in items]}
        for (kind, name), items in found.items()
    ]


def _voice_text(kind: str, name: str, items: list[dict[str, Any]], speech: Speech) -> str:
    if kind == "household":
        origins = ", ".join(dict.fromkeys(speech.text(item["grading"]["origin"]) for item in items))
        return _("Household %(name)s, origin %(origins)s", name=speech.text(name), origins=origins)
    return _("Origin %(name)s", name=speech.text(name)) if name else _("Origin not stated yet")


def _statement(item: Mapping[str, Any], inputs: Inputs | None, speech: Speech) -> dict[str, Any]:
    grading = item["grading"]
    graded = levels.Statement(**grading) if is_graded(item) else None
    asked = [name for name in words.QUESTIONS if _is_asked(name, grading)]
    return {
        "who": speech.text(item["who"]),
        "cites": _cites(item["cites"], speech),
        "how": speech.text(item["how"]),
        "access": say("access", item["access"]),
        "interest": say("interest", item["interest"]),
        "flags": [{"text": str(words.QUESTIONS[name][0]), "yes": grading[name]} for name in asked],
        "grade": f"{graded.reliability}{graded.credibility}" if graded else "",
        "in_words": f"{say('reliability', graded.reliability)}, {say('credibility', str(graded.credibility))}" if graded else "",
        "standing": str(words.STANDINGS[graded.standing]) if graded and inputs else "",
        "counts": bool(graded and graded.counts),
    }


def _is_asked(name: str, grading: Mapping[str, Any]) -> bool:
    """Whether an answer means anything here: what is no document is not authentic, who is not accused admits nothing."""
    return (name != "authentic" or grading["documentary"]) and (name not in ("accused", "admission") or grading["accused"])


def _cites(cites: Mapping[str, str] | None, speech: Speech) -> str:
    if cites is None:
        return _("found in nothing that is recorded")
    if "report" in cites:
        return _("report %(ref)s", ref=cites["report"])
    title = cites["title"] if speech.shown or not cites["key"] else ""
    when = when_text(cites["date"]) if cites["date"] else _("no date")
    return ", ".join(filter(None, (cites["key"], title, cites["publisher"], when)))


def _contradiction(item: Mapping[str, Any], speech: Speech) -> dict[str, Any]:
    return {
        "about": begin(say("contradiction", item["about"])),
        "a": (speech.text(item["reading_a"]), speech.text(item["source_a"])),
        "b": (speech.text(item["reading_b"]), speech.text(item["source_b"])),
        "material": str(words.TRUTH[item["material"]]),
        "treatment": say("treatment", item["treatment"]),
        "why": speech.text(item["why"]),
    }


def _answers(answers: Mapping[str, bool | None], inputs: Inputs | None) -> list[tuple[str, str]]:
    """Return the answers that give the level."""
    facts, features = (levels.explain(inputs), levels.derive(inputs)) if inputs else (None, None)
    rows = [(_("Origins"), str(facts.origins)), (_("Best grade that counts"), facts.best or _("none"))] if facts else []
    if features:
        rows += [
            (_("A strong statement"), str(words.TRUTH[features.strong])),
            (_("An authentic document"), str(words.TRUTH[features.document])),
        ]
    rows += [
        (_("Plausible"), str(words.TRUTH[answers["plausible"]])),
        (_("Fits a known pattern"), str(words.TRUTH[answers["fits_pattern"]])),
        (_("Body identified"), str(words.TRUTH[answers["agency"]])),
    ]
    if features:
        rows += [
            (_("Unresolved on who or what"), str(words.TRUTH[features.who_what_unresolved])),
            (_("Unresolved on when"), str(words.TRUTH[features.when_unresolved])),
        ]
    return rows


def _signature(chain: Chain, part: str, signed: Signed, speech: Speech) -> dict[str, Any]:
    member, level = signer_of(chain, signed), badge(signed.value["level"])
    is_return = signed.value.get("decision") == RETURN
    said = level["code"] or level["word"]
    if is_return:
        did = _("gave back: %(level)s", level=said)
    elif part == PROPOSER:
        did = _("proposed: %(level)s", level=said)
    else:
        did = _("signed: %(level)s", level=said)
    key = sha256(member.sign)[:_KEY_BYTES].hex() if member else ""
    return {
        "part": str(words.PARTS[part]),
        "name": speech.member(signed.member),
        "did": did,
        "is_return": is_return,
        "role": roles_text(signed.value["role"].split(",")),
        "key": f"{key[:4]} {key[4:]}",
    }
