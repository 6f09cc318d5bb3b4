"""The words of a case: the files are whole, the three answers that are no term stay apart, and the published data set is told in them."""

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from app.cases.dates import parse as parse_date
from app.cases.vocabulary import FOLDER, LANGUAGES, NAMES, NOT_STATED, UNKNOWN, UNSAID, WORDS, Term, Vocabulary, label, parse, vocabulary
from app.errors import MalformedError

ROOT: Final = Path(__file__).parents[2]
PUBLISHED: Final[dict[str, Any]] = json.loads((ROOT / "app/cases/published.json").read_text("utf-8"))
TOTALS: Final[dict[str, Any]] = PUBLISHED["computed_totals"]
PEOPLE: Final = {person["id"]: person for person in PUBLISHED["people"]}
INCIDENTS: Final[list[dict[str, Any]]] = PUBLISHED["incidents"]
ACTS: Final[list[dict[str, Any]]] = [act for incident in INCIDENTS for act in incident["acts"]]
EVENTS: Final[list[dict[str, Any]]] = PUBLISHED["stage_events_against_exiles"]
KINDS: Final = {organisation["id"]: organisation["kind"] for organisation in PUBLISHED["organisations"]}
TERMS: Final = [pytest.param(vocabulary(name), term, id=f"{name}.{term.code}") for name in NAMES for term in vocabulary(name).terms]
CYRILLIC: Final = re.compile(r"[Ѐ-ӿ]")
LATIN: Final = re.compile(r"[A-Za-z]")
ONLY_TAJIK: Final = re.compile(r"[ғӣқӯҳҷ]", re.IGNORECASE)
NEVER_IN_TAJIK: Final = re.compile(r"[щыьц]", re.IGNORECASE)
HURIDOCS: Final = re.compile(r"MT\d{1,2} \d+")
OF_ONES: Final = re.compile(r"(Daughter|Son|Child|Children|Grandchildren) of ")


# ── the files ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_there_are_the_vocabularies_that_records_need() -> None:
    """The walks below are not empty, and nothing else lies in the folder."""
    assert {"act", "relation", "perpetrator", "trigger", "outcome_exile", "level", "reliability", "credibility", "link_type"} <= set(NAMES)
    assert sorted(path.name for path in FOLDER.iterdir()) == [f"{name}.json" for name in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_vocabulary_says_what_it_is(name: str) -> None:
    """Each file has a note and an order of terms that can be shown."""
    found = vocabulary(name)

    assert found.name == name
    assert found.note.strip().endswith(".")
    assert found.terms
    assert vocabulary(name) is found
    assert len({term.label["en"] for term in found.active}) == len(found.active)


@pytest.mark.parametrize(("words", "term"), TERMS)
def test_term_is_whole(words: Vocabulary, term: Term) -> None:
    """Each term has labels in their scripts, a definition of one sentence, and HURIDOCS codes as they are written."""
    assert words.term(term.code) is term
    assert words.accepts(term.code)
    assert term.label.keys() == set(LANGUAGES)
    assert not CYRILLIC.search(term.label["en"])
    assert not any(LATIN.search(term.label[lang]) for lang in ("ru", "tg"))
    assert not ONLY_TAJIK.search(term.label["ru"])
    assert not NEVER_IN_TAJIK.search(term.label["tg"])
    assert all(text == text.strip() and len(text) <= 70 for text in term.label.values())
    assert not re.search(r"\.\s", term.definition)
    assert all(HURIDOCS.fullmatch(code) for code in term.huridocs)


def test_examples_name_what_the_data_set_has() -> None:
    """A number in an example leads to a record, and no example names a person."""
    known = {
        item["id"]
        for block in ("incidents", "stage_events_against_exiles", "patterns_not_incidents", "sources")
        for item in PUBLISHED[block]
    }
    examples = [term.example for name in NAMES for term in vocabulary(name).terms]
    named = [person["name"] for person in PEOPLE.values() if not person.get("name_withheld") and not person.get("group")]
    names = {part for name in named for part in re.findall(r"\w+", name) if part.istitle()}

    assert {number for text in examples for number in re.findall(r"\b[CGIS]\d\d[ab]?\b", text)} <= known
    assert "Kabiri" in names
    assert [text for text in examples if set(re.findall(r"\w+", text)) & names] == []


def test_acts_carry_their_marks() -> None:
    """Groups are the first three letters; consequences, sexual acts and the one that is no act are marked and nothing else is."""
    acts = vocabulary("act").terms

    assert len(acts) == 38
    assert all(term.group == term.code[:3] for term in acts)
    assert {term.group for term in acts} == {term.code for term in vocabulary("act_group").terms}
    assert all(term.consequence is (term.group == "CON") for term in acts)
    assert all(term.sexual is (term.group == "SEX") for term in acts)
    assert [term.code for term in acts if term.involvement] == ["OMI_POLICE"]


def test_standards_rise_and_name_levels() -> None:
    """The standards stand in their order, and three of them have a level that compares."""
    levels = {term.code: term.level for term in vocabulary("standard_of_proof").terms}

    assert list(levels.values()) == ["L1", "L3", None, "L4", None]
    assert {level for level in levels.values() if level} <= vocabulary("level").by_code.keys()
    assert [term.code for term in vocabulary("reliability").terms] == list("ABCDEF")
    assert [term.code for term in vocabulary("credibility").terms] == list("123456")


def test_groups_lead_somewhere() -> None:
    """A measure belongs to a stage or to none; a closing reason to one of two states."""
    assert {term.group for term in vocabulary("measure").terms} == {None, *vocabulary("stage").by_code}
    assert {term.group for term in vocabulary("closing_reason").terms} == {"out_of_scope", "spam"}


# ── three answers that are no term ──────────────────────────────────────────────────────────────────────────────────────


def test_not_stated_not_known_and_unsaid_are_three_things() -> None:
    """Absence, ignorance and refusal have three values and three wordings in every language."""
    assert len({NOT_STATED, UNKNOWN, UNSAID}) == 3
    assert WORDS.keys() == {NOT_STATED, UNKNOWN, UNSAID}
    assert all(len({words[lang] for words in WORDS.values()}) == 3 for lang in LANGUAGES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("answer", WORDS)
def test_every_vocabulary_accepts_the_three(name: str, answer: str | None) -> None:
    """They may stand in place of any code, and read the same everywhere, also where `unknown` is a term."""
    assert vocabulary(name).accepts(answer)
    assert vocabulary(name).read(answer) == answer
    assert [label(name, answer, lang) for lang in LANGUAGES] == [WORDS[answer][lang] for lang in LANGUAGES]
    own = vocabulary(name).by_code.get(str(answer))
    assert own is None or (own.code == UNKNOWN and dict(own.label) == dict(WORDS[UNKNOWN]))


@pytest.mark.parametrize("code", ["", "none_stated", "not_stated", "None", "LIB", "lib_detention", "LIB_DETENTION "])
def test_what_is_no_code_is_refused(code: str) -> None:
    """Nothing near to a code is taken for one."""
    assert not vocabulary("act").accepts(code)
    with pytest.raises(MalformedError):
        vocabulary("act").term(code)
    with pytest.raises(MalformedError):
        vocabulary("act").read(code)
    with pytest.raises(MalformedError):
        label("act", code, "en")


@pytest.mark.parametrize("name", ["", "acts", "../published", "act.json", "Act"])
def test_no_other_vocabulary(name: str) -> None:
    """A name is the name of a file in the folder and no path."""
    with pytest.raises(MalformedError):
        vocabulary(name)


def test_label_speaks_the_language_it_has() -> None:
    """A language without words falls back to English."""
    assert label("relation", "sibling", "en") == "brother or sister"
    assert label("relation", "sibling", "ru") == "брат или сестра"
    assert label("relation", "sibling", "tg") == "бародар ё хоҳар"
    assert label("relation", "sibling", "fa") == "brother or sister"
    assert label("relation", None, "fa") == "not stated"


# ── reading a file ──────────────────────────────────────────────────────────────────────────────────────────────────────


def a_term(code: str, **changes: Any) -> dict[str, Any]:
    """Return a term as it lies in a file."""
    words = dict.fromkeys(LANGUAGES, code)
    return {"code": code, "label": words, "definition": "One.", "example": "", "huridocs": [], "active": True} | changes


def a_file(*terms: dict[str, Any], **changes: Any) -> str:
    """Return the text of a file."""
    return json.dumps({"vocabulary": "tried", "note": "For a test.", "terms": list(terms)} | changes)


def test_retired_term_is_read_and_not_offered() -> None:
    """Records keep their codes when a word goes out of use."""
    tried = parse("tried", a_file(a_term("one"), a_term("two", active=False)))

    assert [term.code for term in tried.active] == ["one"]
    assert [term.code for term in tried.terms] == ["one", "two"]
    assert tried.accepts("two")


def test_imported_words_become_codes() -> None:
    """Another word is read as ours, or as not stated; ours stay ours; anything else is refused."""
    tried = parse("tried", a_file(a_term("one"), imports={"uno": "one", "nada": None}))

    assert [tried.read(word) for word in ("uno", "nada", "one", None, UNSAID)] == ["one", None, "one", None, UNSAID]
    assert not tried.accepts("uno")
    with pytest.raises(MalformedError):
        tried.read("due")


def without(key: str) -> dict[str, Any]:
    """Return a term that lacks something."""
    return {name: value for name, value in a_term("one").items() if name != key}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        a_file(a_term("one"), a_term("one")),
        a_file(a_term("one"), vocabulary="other"),
        a_file(a_term("one"), more=1),
        a_file(a_term("one"), imports={"uno": "two"}),
        a_file(a_term("one"), a_term("two"), imports={"one": "two"}),
        a_file(a_term("one")).replace('"vocabulary"', '"note": "", "vocabulary"'),
        *(a_file(without(key)) for key in a_term("one")),
        a_file(a_term("one", extra=1)),
        a_file(a_term("a b")),
        a_file(a_term("")),
        a_file(a_term("unsaid")),
        a_file(a_term("not_stated")),
        a_file(a_term("one", label={"en": "one", "ru": "один"})),
        a_file(a_term("one", label={"en": "one", "ru": "один", "tg": " "})),
        a_file(a_term("one", definition="no stop")),
        a_file(a_term("one", active=1)),
        a_file(a_term("one", sexual="yes")),
    ],
)
def test_faulty_file_is_refused(text: str) -> None:
    """A fault in a file stops the loading, so that no record is written with half a vocabulary."""
    with pytest.raises(MalformedError):
        parse("tried", text)


def test_file_without_fault_is_read() -> None:
    """What the test above changes is in order before it is changed."""
    assert parse("tried", a_file(a_term("one", sexual=True, group="g"))).term("one").sexual


# ── the page ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_page_lists_every_vocabulary_with_its_number_of_terms() -> None:
    """docs/vocabularies.md has one row for each file, and the number in it is true."""
    page = (ROOT / "docs/vocabularies.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", page, re.MULTILINE)

    assert sorted(rows) == [(name, str(len(vocabulary(name).terms))) for name in NAMES]


# ── the published data set ──────────────────────────────────────────────────────────────────────────────────────────────


def counted(values: list[str | None]) -> dict[str, int]:
    """Count as the data set writes it down."""
    return dict(Counter(str(value) for value in values))


RECOMPUTED: Final[dict[str, Callable[[], Any]]] = {
    "incidents": lambda: len(INCIDENTS),
    "acts": lambda: len(ACTS),
    "acts_that_are_consequences": lambda: sum(vocabulary("act").term(act["type"]).consequence for act in ACTS),
    "people": lambda: len(PEOPLE),
    "exiles": lambda: sum(person["role"] == "exile" for person in PEOPLE.values()),
    "relatives_or_associates": lambda: sum(person["role"] == "relative" for person in PEOPLE.values()),
    "incidents_with_minor": lambda: sum(any(PEOPLE[who].get("minor") for who in incident["victims"]) for incident in INCIDENTS),
    "cases_with_incidents": lambda: len({exile for incident in INCIDENTS for exile in incident["exile"]}),
    "by_act_type": lambda: counted([act["type"] for act in ACTS]),
    "by_outcome": lambda: counted([incident["outcome_exile"] for incident in INCIDENTS]),
    "by_trigger": lambda: counted([incident["trigger"] for incident in INCIDENTS]),
    "by_place": lambda: counted([place for incident in INCIDENTS for place in incident["place"]]),
    "by_leverage_demand": lambda: counted([incident["leverage_demand"] for incident in INCIDENTS]),
}


def test_every_total_is_recomputed() -> None:
    """No number stands in the data set that nothing checks."""
    assert RECOMPUTED.keys() == TOTALS.keys()


@pytest.mark.parametrize("name", RECOMPUTED)
def test_total_follows_from_the_records(name: str) -> None:
    """Each number is what the records themselves give."""
    assert RECOMPUTED[name]() == TOTALS[name]


def test_counts_by_group_year_and_perpetrator() -> None:
    """What charts will show: groups of acts, year of the first bound, and who did it in our words."""
    groups = Counter(vocabulary("act").term(act["type"]).group for act in ACTS)
    years = Counter(when and (when.earliest or when.latest or pytest.fail("no bound")).year for when in map(parse_date, DATES))
    by = Counter(vocabulary("perpetrator").read(KINDS[who]) for act in ACTS for who in act["perpetrators"])

    assert groups == {"HUM": 11, "THR": 11, "MOV": 6, "ECO": 6, "SEX": 4, "LIB": 3, "PER": 2, "CON": 2, "VIO": 1, "OMI": 1}
    assert years == {2016: 13, 2015: 5, 2017: 5, 2007: 2, None: 1}
    assert (by["state_unspecified"], by["intelligence_security"], by["crowd"]) == (17, 12, 7)


DATES: Final[list[str | None]] = [incident["date"] for incident in INCIDENTS]


def test_every_date_is_read() -> None:
    """Incidents, triggers, sources and events abroad: all dates parse, and three incidents are known to the day."""
    others = [item.get("date") for block in ("sources", "trigger_events", "stage_events_against_exiles") for item in PUBLISHED[block]]
    read = [parse_date(text) for text in DATES]

    assert all((parse_date(text) is None) is (text is None) for text in others)
    assert sum(when is None for when in read) == 1
    assert sum(when is not None and when.precision == "day" for when in read) == 3


CODES: Final[list[tuple[str, list[Any]]]] = [
    ("act", [act["type"] for act in ACTS]),
    ("act", [item["type"] for item in PUBLISHED["patterns_not_incidents"] if item["type"] != "(several)"]),
    ("perpetrator", [KINDS[who] for act in ACTS for who in act["perpetrators"]]),
    ("relation", [person.get("relation") for person in PEOPLE.values()]),
    ("sex", [person.get("sex") for person in PEOPLE.values()]),
    ("affiliation", [group for person in PEOPLE.values() for group in person.get("affiliation", [])]),
    ("affiliation_status", [person.get("affiliation_status") for person in PEOPLE.values()]),
    ("exile_category", [person.get("exile_category") for person in PEOPLE.values()]),
    ("place_kind", [place["kind"] for place in PUBLISHED["places"]]),
    ("trigger", [event["kind"] for event in PUBLISHED["trigger_events"]]),
    ("trigger_link", [incident["trigger_link"] for incident in INCIDENTS]),
    ("leverage_demand", [incident["leverage_demand"] for incident in INCIDENTS]),
    ("outcome_exile", [incident["outcome_exile"] for incident in INCIDENTS]),
    ("basis", [incident["source_basis"]["basis"] for incident in INCIDENTS]),
    ("source_material", [source["kind"] for source in PUBLISHED["sources"]]),
    ("stage", [event["stage"] and str(event["stage"]) for event in EVENTS]),
    ("measure", [event["measure"] for event in EVENTS]),
    ("via", [event.get("via") for event in EVENTS]),
    ("result", [event["result"] for event in EVENTS]),
]


@pytest.mark.parametrize(("name", "words"), CODES, ids=lambda value: value if isinstance(value, str) else "")
def test_every_word_of_the_data_set_is_read(name: str, words: list[Any]) -> None:
    """Each is a code of ours or is mapped to one, and only absence becomes *not stated*."""
    read = {word: vocabulary(name).read(word) for word in words}

    assert any(read.values())
    assert all(vocabulary(name).accepts(code) for code in read.values())
    assert {word for word, code in read.items() if code is NOT_STATED} <= {None, "none", "none_stated", "not_stated"}


def test_sixteen_organisations_are_perpetrators_or_cannot_be() -> None:
    """Parties, movements and international bodies have no place among perpetrators, and none of them did anything."""
    others = {"political_party", "opposition_movement", "igo"}
    known = vocabulary("perpetrator")

    assert len(KINDS) == 16
    assert {kind for kind in KINDS.values() if kind not in known.by_code and kind not in known.imports} == others
    assert not {KINDS[who] for act in ACTS for who in act["perpetrators"]} & others


def test_references_lead_to_records() -> None:
    """Every id that a record names exists."""
    ids = {
        item["id"] for block in PUBLISHED.values() if isinstance(block, list) for item in block if isinstance(item, dict) and "id" in item
    }
    named = {person.get("relation_to", "E01") for person in PEOPLE.values()}
    for incident in INCIDENTS:
        named |= {*incident["exile"], *incident["victims"], *incident["place"], *incident["source_basis"]["sources"]}
        named |= {incident["trigger"] or "T01", *incident.get("also_triggers", []), incident.get("follows", "I01")}
        named |= {who for act in incident["acts"] for who in (*act["victims"], *act["perpetrators"])}
    named |= {event[key] for event in EVENTS for key in ("exile", "place", "via", "source") if key in event}

    assert named <= ids


def test_no_minor_is_named() -> None:
    """Whoever is, or probably is, a minor is called by a relation to somebody and never by a name."""
    minors = [person for person in PEOPLE.values() if person.get("minor")]

    assert [person["id"] for person in minors] == ["R01", "R15", "R20"]
    assert all(person["name_withheld"] is True and OF_ONES.match(person["name"]) and "variants" not in person for person in minors)
    assert {item["person"] for item in PUBLISHED["name_variants"]}.isdisjoint(person["id"] for person in minors)


def test_minors_are_marked_on_their_incidents() -> None:
    """An incident says that it contains a minor exactly where one of its victims is one."""
    for incident in INCIDENTS:
        assert bool(incident.get("contains_minor")) is any(PEOPLE[who].get("minor") for who in incident["victims"])


def test_nothing_was_added_to_the_article() -> None:
    """The leads found elsewhere are not here, nor any address; the citation is."""
    text = json.dumps(PUBLISHED)

    assert "external_leads" not in text
    assert not re.search(r"https?:|www\.|\.(md|txt|json)\b", text)
    assert PUBLISHED["about"]["publisher"] == "Foreign Policy Centre"
    assert PUBLISHED["about"]["published"] == "2017-12-04"
    assert [trap["id"] for trap in PUBLISHED["dedup_traps"]] == [f"D{number}" for number in range(1, 10)]
