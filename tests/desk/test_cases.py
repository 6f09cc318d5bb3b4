"""The pages of cases: every total is the data's own, nothing is named that must not be, nothing typed is lost, nothing is done twice."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.cases.importing import published
from app.cases.records import open_table, save
from app.cases.vocabulary import label, vocabulary
from app.findings.records import save_finding
from app.store.base import Base
from app.store.cases import Act, Case, CaseState, Finding, FindingState, Incident, Person, Reference, SealedRow
from app.store.keys import Lease
from app.store.ledger import LedgerEntry
from tests.conftest import Browser, Instance, Member, Template
from tests.findings.world import World, make_published, open_world

DATA: Final = published()
TOTALS: Final = DATA["computed_totals"]
CODES: Final = tuple(f"C-{number:04d}" for number in range(1, 13))
NONE: Final = {"none_stated": "not stated", "not_stated": "not stated", "None": "not stated"}
HTML: Final = "\"><script>alert(1)</script><b title='"
ARABIC: Final = "فرخ یعقوب"
OVERRIDE: Final = "\u202eTurned\u202c"
INCIDENT: Final = {"i_title": "Two men at the door", "i_type": "THR_HARASS"}
BAD_DATES: Final = ("yesterday", "2016-13", "2016-02-30", "22.09.2016", "2017/2016", "2016-09-22T10:00", "../..")


@pytest.fixture(scope="module")
def published_url(template: Template, tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_published(template, tmp_path_factory.mktemp("published"))


@pytest.fixture
def world(template: Template, published_url: str, tmp_path: Path) -> Iterator[World]:
    made = open_world(template, published_url, tmp_path)
    yield made
    made.instance.close()


@dataclass
class Caseworker:
    """Somebody at the desk who looked at the cases."""

    browser: Member
    world: World

    def list(self) -> str:
        return self.browser.get("/desk/cases").text

    def ids(self) -> dict[str, str]:
        """Return case code → id, as the list shows them."""
        rows = re.findall(r'/desk/cases/([0-9a-f-]{36})/open".*?class="ref">(C-\d{4})<', self.list(), re.DOTALL)
        return {code: case_id for case_id, code in rows}

    def open(self, code: str = "C-0002") -> str:
        """Open a case; return its page."""
        self.browser.press(f"/desk/cases/{self.ids()[code]}/open")
        assert self.browser.page.status_code == 200
        return self.browser.page.text

    def press(self, action: str, status: int = 200, /, **typed: Any) -> str:
        """Fill fields of the open case and press a button of it."""
        self.browser.press(action, **typed)
        assert self.browser.page.status_code == status, self.browser.page.text
        return self.browser.page.text

    def again(self) -> str:
        """Read the open case anew."""
        return self.browser.get(self.address).text

    @property
    def address(self) -> str:
        return "/".join(self.browser.page.request.path.split("/")[:4])

    def add(self, **typed: str) -> str:
        """Record an incident; return its part of the page."""
        page = self.press("/incidents", **{**INCIDENT, **typed})
        return next(group for group in groups(page) if typed.get("i_title", INCIDENT["i_title"]) in text(group))


def sign_in(app: Flask, world: World, name: str = "Nigora") -> Caseworker:
    """Sign a member in; at the desk this looks at the queue too."""
    member = Member(app, world.instance, name)
    member.sign_in()
    return Caseworker(member, world)


@pytest.fixture
def app(world: World) -> Flask:
    return world.instance.app()


@pytest.fixture
def nigora(app: Flask, world: World) -> Caseworker:
    return sign_in(app, world)


@pytest.fixture
def second(app: Flask, world: World) -> Caseworker:
    return sign_in(app, world, "Timur")


def text(html: str) -> str:
    """Return what a person reads, in one line."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def main_of(page: str) -> str:
    """Return the page without its frame."""
    return page[page.index("<main") : page.index("</main>")]


def groups(page: str, kind: str = "incident") -> list[str]:
    """Return the parts of the time table."""
    return re.findall(rf'<tbody class="{kind}">(.*?)</tbody>', page, re.DOTALL)


def first_ref(group: str) -> str:
    found = re.search(r'class="ref">([^<]+)<', group)
    assert found
    return found[1]


def acts_of(group: str) -> list[tuple[str, str]]:
    """Return (ref, label) of each act."""
    return [
        (ref, unescape(name))
        for name, ref in re.findall(r'<a href="[^"]+/acts/[^"]+">([^<]+)</a>.*?class="ref">([^<]+)<', group, re.DOTALL)
    ]


def section(page: str, heading: str) -> str:
    """Return the section under a heading's id."""
    start = page.index(f'aria-labelledby="{heading}"')
    return page[start : page.index("</section>", start)]


def count(world: World, table: type[Base]) -> int:
    with world.database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def names() -> set[str]:
    """Return every form of every published name."""
    named = [person for person in DATA["people"] if not person.get("name_withheld") and not person.get("group")]
    forms = {form for item in DATA["name_variants"] if item["person"][0] in "ERX" for form in item["forms"]}
    return (
        forms | {person["name"].partition(" (")[0] for person in named} | {name for person in named for name in person.get("variants", [])}
    )


def parts_of_names() -> set[str]:
    return {part for name in names() for part in re.findall(r"\w{4,}", name)}


def change(world: World, table: type[SealedRow], test: Any, edit: Any, kind: str) -> UUID:
    """Change one record as the program would; return its id."""
    actor = world.actor("Ruth")
    with world.database.write() as session:
        item = next(item for item in open_table(session, actor, table) if test(item.body))
        edit(item.body)
        save(session, actor, item.row, item.body, kind, now=world.now)
        return item.id


def spoil(world: World, table: type[SealedRow], row_id: UUID) -> None:
    """Damage a record as somebody could who can write the database."""
    with world.database.write() as session:
        row = session.get(table, row_id)
        assert row is not None
        row.body = bytes([*row.body[:-1], row.body[-1] ^ 1])


# --- the list


def test_list_says_the_totals_of_the_data(nigora: Caseworker) -> None:
    page = nigora.list()

    shown = text(page)
    assert (
        f"{TOTALS['cases_with_incidents']} cases, {TOTALS['incidents']} incidents, {TOTALS['acts']} acts; "
        f"{TOTALS['acts_that_are_consequences']} of them are consequences, counted apart." in shown
    )
    assert f"{TOTALS['people']} people; 5 of them are named without a case." in shown
    rows = re.findall(r'data-l="Incidents">(\d+)</td>\s*<td[^>]*data-l="Acts">(\d+)<', page)
    assert len(rows) == TOTALS["cases_with_incidents"]
    # I19 has two exiles: it stands in two cases and is one incident
    assert sum(int(incidents) for incidents, _ in rows) == TOTALS["incidents"] + 1
    assert sum(int(acts) for _, acts in rows) == TOTALS["acts"] + 1
    assert re.findall(r'<th scope="row" class="ref">(E\d\d)<', page) == ["E13", "E14", "E15", "E16", "E17"]


def test_list_names_nobody(nigora: Caseworker) -> None:
    page = nigora.list()

    assert [name for name in names() if name in page] == []


def test_list_is_shown_to_who_looked(nigora: Caseworker) -> None:
    forget_leases(nigora.world)

    page = nigora.list()
    assert "C-0001" not in page
    assert "<table" not in page

    nigora.browser.press("/desk/cases/look")
    assert nigora.browser.page.request.path == "/desk/cases"
    assert "C-0001" in nigora.browser.page.text


def test_a_case_can_begin_before_somebody_looked(nigora: Caseworker) -> None:
    forget_leases(nigora.world)
    nigora.list()

    assert "The title names the exile." in nigora.press("/desk/cases", 422, title="On Rustam", names="Rustam Tested")
    assert "C-0001" not in nigora.browser.page.text
    assert nigora.browser.form("/desk/cases").value("names") == "Rustam Tested"
    assert "C-0013" in nigora.press("/desk/cases", title="A journalist")


def forget_leases(world: World) -> None:
    """End every hour of view, as the clock does; sessions go on."""
    with world.database.write() as session:
        session.execute(delete(Lease))


def test_list_says_when_there_is_none(instance: Instance) -> None:
    member = Member(instance.app(), instance, "Nigora")
    member.sign_in()

    page = member.get("/desk/cases").text

    assert "No case yet" in page
    assert "<details open>" in page


@pytest.mark.parametrize("damaged", [Case, Incident, Act, Person])
def test_list_says_what_is_damaged_and_shows_the_rest(nigora: Caseworker, damaged: type[SealedRow]) -> None:
    with nigora.world.database.read() as session:
        query = select(damaged.id).where(Person.case_id.is_(None)) if damaged is Person else select(damaged.id)
        row_id = session.scalars(query).first()
    assert row_id is not None
    spoil(nigora.world, damaged, row_id)

    page = nigora.list()

    assert "1 record does not match its seal or the log." in text(page)
    assert len(nigora.ids()) == (11 if damaged is Case else 12)


# --- every case


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_all_cases_hold_the_totals_of_the_data(nigora: Caseworker, lang: str) -> None:
    nigora.browser.press("/desk/language", l=lang)
    by_type: Counter[str] = Counter()
    incidents: dict[str, str] = {}
    people: set[str] = set()
    consequences = 0
    for code in CODES:
        page = nigora.open(code)
        for group in groups(page):
            if first_ref(group) in incidents:
                continue
            incidents[first_ref(group)] = group
            by_type.update(name for _, name in acts_of(group))
            consequences += sum(vocabulary("act").term(term).consequence for term in types_of(group, lang))
        people |= set(re.findall(r'<th scope="row"><bdi>[^<]*</bdi> <span class="ref">([^<]+)<', section(page, "pe")))

    assert len(incidents) == TOTALS["incidents"]
    assert by_type.total() == TOTALS["acts"]
    assert consequences == TOTALS["acts_that_are_consequences"]
    assert by_type == {start(label("act", term, lang)): number for term, number in TOTALS["by_act_type"].items()}
    assert len(people) + 5 == TOTALS["people"]


def start(words: str) -> str:
    return words[:1].upper() + words[1:]


def types_of(group: str, lang: str) -> list[str]:
    by_label = {start(label("act", term.code, lang)): term.code for term in vocabulary("act").terms}
    return [by_label[name] for _, name in acts_of(group)]


def test_places_triggers_outcomes_and_demands_are_those_of_the_data(nigora: Caseworker) -> None:
    places: Counter[str] = Counter()
    said: dict[str, dict[str, set[str]]] = {"Wanted of them": {}, "Outcome": {}}
    triggers: dict[str, set[str]] = {}
    for code in CODES:
        page = nigora.open(code)
        for group in groups(page):
            if first_ref(group) != "I19" or code == "C-0007":
                places.update(place.strip() for place in re.findall(r'class="ref">I\d\d</span> ([^<·]+)', group))
        for group in groups(page, "trigger"):
            refs = re.search(r"linked with ([I0-9, ]+)", text(group))
            assert refs
            triggers.setdefault(first_ref(group), set()).update(refs[1].split(", "))
        for heading, found in said.items():
            lines = re.search(rf"<dt>{heading}</dt><dd>(.*?)</dd>", page, re.DOTALL)
            assert lines
            for words, refs_of in re.findall(r"([a-z ]+)(?:: [^(]*)? \(([I0-9, ]+)\)", text(lines[1])):
                found.setdefault(words.strip(), set()).update(refs_of.split(", "))

    named = {place["id"]: place["name"] for place in DATA["places"]}
    assert places == {named[key]: number for key, number in TOTALS["by_place"].items()}
    expected = {key: number for key, number in TOTALS["by_trigger"].items() if key != "None"}
    main = {key: {item["id"] for item in DATA["incidents"] if item["trigger"] == key} for key in expected}
    assert {key: len(refs) for key, refs in main.items()} == expected
    assert all(main[key] <= triggers[key] for key in expected)
    assert sum(item["trigger"] is None for item in DATA["incidents"]) == TOTALS["by_trigger"]["None"]
    for heading, name, vocabulary_name, total in (
        ("Wanted of them", "leverage_demand", "leverage_demand", "by_leverage_demand"),
        ("Outcome", "outcome_exile", "outcome_exile", "by_outcome"),
    ):
        numbers = {label(vocabulary_name, key, "en"): number for key, number in TOTALS[total].items() if key not in NONE}
        assert {words: len(refs) for words, refs in said[heading].items()} == numbers, name


def test_every_case_says_its_dates_as_the_list_of_acts_does(nigora: Caseworker) -> None:
    """Drawing and words come from one date: where there is an axis every row has a mark."""
    for code in CODES:
        page = nigora.open(code)
        rows = [*groups(page), *groups(page, "trigger"), *groups(page, "outcome")]
        assert len(groups(page, "outcome")) == 1
        for row in rows:
            assert re.search(r'<path class="(day|span|t-bar|open)" d="M', row)
            assert ("not stated" in text(row)[:12]) == bool(re.search(r'class="open" d="M0 20H600"', row)), text(row)


def test_second_case_says_what_the_published_article_says(nigora: Caseworker) -> None:
    page = nigora.open("C-0002")
    shown = text(main_of(page))

    assert "Farrukh , brother R07 : missing some time between 23 September and 20 December 2016, I08. Who did it is not stated." in shown
    assert "Alijon , brother R06 ; Father-in-law of Yaqubov R08 : held; release not stated from 22 September 2016, I07" in shown
    assert "One axis: August 2016 to January 2017." in shown
    assert "Trigger conference or protest abroad, September 2016 (by time only)" in shown
    assert "linked with I05, I06, I07, I08, I09, I10: by time only" in shown
    assert "Not the same person: Farrukh , brother R07 ; E10, exile, C-0010. Recorded by Ruth" in shown
    assert "Tajikistan Uses My Family Members as Hostages" in shown
    assert "the exile I05, I06, I07" in shown
    assert "How they know: open letter (I05, I06); no source given (I07, I09); report (I08, I10)." in shown
    assert "10 acts: 10 not assessed" in shown
    assert re.findall(r'class="chip (\w+)">([^<]+)<', main_of(page)[:3000]) == [("risk", "Missing"), ("care", "Held")]


def test_open_questions_are_those_of_the_data(nigora: Caseworker) -> None:
    open_of = {item["id"]: item["uncertain"] for item in DATA["incidents"]}
    found: dict[str, set[str]] = {}
    for code in CODES:
        for words, ref in re.findall(r'aria-hidden="true">\?</span>([^<]+)<small>(I\d\d)<', section(nigora.open(code), "oq")):
            found.setdefault(ref, set()).add(unescape(words).strip())

    assert found == {ref: {start(words) for words in items} for ref, items in open_of.items() if items}


def test_an_incident_of_two_exiles_is_in_both_cases(nigora: Caseworker) -> None:
    assert "also in C-0007" in nigora.open("C-0004")
    people = text(section(nigora.browser.page.text, "pe"))
    assert "Parents of Gulbarg Saifova R17 father or mother of E07" in people
    assert "also in C-0004" in nigora.open("C-0007")
    people = text(section(nigora.browser.page.text, "pe"))
    assert "Parents of Gulbarg Saifova R17 father or mother not stated" in people


def test_pages_of_the_minor_and_of_sexual_violence_say_so(nigora: Caseworker) -> None:
    chips = {code: re.findall(r'class="chip (?:care|risk)">([^<:]+)<', main_of(nigora.open(code))[:3000]) for code in CODES}

    assert {code for code, found in chips.items() if "Minor" in found} == {"C-0001", "C-0004", "C-0006"}
    assert {code for code, found in chips.items() if "Sexual violence" in found} == {"C-0004", "C-0006"}
    assert {code for code, found in chips.items() if "Missing" in found} == {"C-0002"}
    assert {code for code, found in chips.items() if "Held" in found} == {"C-0002", "C-0003", "C-0012"}


def test_reading_writes_nothing(nigora: Caseworker) -> None:
    nigora.open("C-0002")
    nigora.list()
    before = count(nigora.world, LedgerEntry)

    nigora.list()
    address = f"/desk/cases/{nigora.ids()['C-0002']}"
    assert nigora.browser.get(address).status_code == 200
    assert nigora.browser.get(f"{address}?names=off").status_code == 200

    assert count(nigora.world, LedgerEntry) == before


def test_an_opening_is_one_entry_an_hour(nigora: Caseworker) -> None:
    before = count(nigora.world, LedgerEntry)

    nigora.open("C-0002")
    nigora.open("C-0002")
    assert count(nigora.world, LedgerEntry) == before + 1

    assert nigora.world.entries()[-1]["kind"] == "case.opened"


# --- names


def test_no_page_names_a_minor(nigora: Caseworker) -> None:
    """The data names none; and where a record came to hold a name and an age below 18, the name is not shown."""
    world = nigora.world
    change(world, Person, lambda body: body.key == "R20", lambda body: body.forms.append("Zarnigor Tested"), "person.changed")

    for code in CODES:
        page = nigora.open(code)
        nigora.browser.get(f"{nigora.address}?names=off")
        for shown in (page, nigora.browser.page.text):
            assert "Zarnigor" not in shown
            assert "Tested" not in shown
    minors = [person["id"] for person in DATA["people"] if person.get("minor")]
    assert len(minors) == 3
    page = nigora.open("C-0006")
    assert "Minor: yes" in page
    assert "age: 15" in page


def test_without_names_a_page_holds_no_part_of_a_name(nigora: Caseworker) -> None:
    for code in CODES:
        named = nigora.open(code)
        page = nigora.browser.get(f"{nigora.address}?names=off").text
        shown = text(main_of(page))
        assert [name for name in names() if name in page] == [], code
        assert sorted(set(re.findall(r"\w{4,}", shown)) & parts_of_names()) == [], code
        assert re.findall(r"<form|<button|<input|<textarea|<select", main_of(page)) == []
        assert 'href="' + nigora.address + '"' in page
        assert len(groups(page)) == len(groups(named))
        assert all("names=off" in link for link in re.findall(r'href="([^"]+/acts/[^"]+)"', page))


def test_without_names_codes_stand_for_people_also_in_texts(nigora: Caseworker) -> None:
    nigora.open("C-0002")
    shown = text(main_of(nigora.browser.get(f"{nigora.address}?names=off").text))

    assert "Elder brother R07 disappears" in shown
    assert "force E02 to stop his activism" in shown
    assert "brother R07 : missing" in shown
    assert "Hostages" not in shown


def test_without_names_other_spellings_and_scripts_are_hidden_too(nigora: Caseworker) -> None:
    nigora.open("C-0002")
    nigora.press("/questions", question="Где Фаррух, brother of ILHOMJON and of Ильхомджон?")

    shown = text(section(nigora.browser.get(f"{nigora.address}?names=off").text, "oq"))

    assert "Где R07, brother of E02 and of E02?" in shown


def test_a_page_with_names_leads_to_one_without_and_back(nigora: Caseworker) -> None:
    page = nigora.open("C-0002")
    assert f'href="{nigora.address}?names=off"' in page
    assert "Hide names" in page

    assert "Show names" in nigora.browser.get(f"{nigora.address}?names=off").text


def test_any_name_is_shown_as_text_only(nigora: Caseworker) -> None:
    for name in (HTML, ARABIC, OVERRIDE, "O’Neil-Ғафуров", "a" * 200):
        nigora.list()
        page = nigora.press("/desk/cases", title="A journalist", names=f"{name}\nOther {name[:100]}")
        assert nigora.browser.page.request.path.startswith("/desk/cases/")
        assert "<script" not in page
        assert f"<bdi>{name}</bdi>" in re.sub(r"&[#\w]+;", lambda found: unescape(found[0]), page)
        assert name not in unescape(nigora.list())


# --- forms: what is not stated, dates, places


@pytest.mark.parametrize(("answer", "words"), [("", "not stated"), ("unknown", "not known"), ("unsaid", "prefers not to say")])
def test_three_answers_that_are_none_stay_three(nigora: Caseworker, answer: str, words: str) -> None:
    nigora.open("C-0005")
    group = text(nigora.add(i_place=answer, i_by=answer, i_demand=answer, i_new_label="A neighbour", i_new_relation=answer))
    page = nigora.browser.page.text

    assert f"place {words}" in group if answer == "" else words in group.partition("Harassment")[0]
    assert f"by whom: {words}" in group
    assert words in text(section(page, "pe"))
    facts = re.search(r"<dt>Wanted of them</dt><dd>(.*?)</dd>", page, re.DOTALL)
    assert facts
    assert text(facts[1]).startswith(words)


def test_every_question_offers_three_answers_that_are_none(nigora: Caseworker) -> None:
    page = nigora.open("C-0002")
    selects = dict(re.findall(r'<select[^>]*name="(\w+)"[^>]*>(.*?)</select>', page, re.DOTALL))

    asked = [name for name in selects if name.partition("_")[0] in "iap" and not name.endswith("type")]
    assert len(asked) == 19
    for name in asked:
        values = re.findall(r'<option value="([^"]*)"[^>]*>([^<]+)<', selects[name])
        assert values[:3] == [("", "Not stated"), ("unknown", "Not known"), ("unsaid", "Prefers not to say")], name
        assert len({value for value, _ in values}) == len(values), name


def test_a_date_that_is_none_comes_back_with_all_that_was_typed(nigora: Caseworker) -> None:
    nigora.open("C-0005")
    before = count(nigora.world, Incident), count(nigora.world, LedgerEntry)

    for when in BAD_DATES:
        nigora.press("/incidents", 422, **INCIDENT, i_when=when)
        assert nigora.browser.form("/incidents").value("i_when") == when
    typed = {
        "i_when": "2016-9",
        "i_new_names": "Somebody",
        "i_by": "police",
        "i_open": "One?\nTwo?",
        "question": "Why?",
        "p_label": "cousin",
    }
    page = nigora.press("/incidents", 422, **INCIDENT, **typed)

    assert "This is not one of the ways to write a date below." in page
    assert (count(nigora.world, Incident), count(nigora.world, LedgerEntry)) == before
    form = nigora.browser.form("/incidents")
    assert {name: form.value(name) for name in typed} == typed
    assert {name: form.value(name) for name in INCIDENT} == INCIDENT
    assert re.search(r'id="i_when"[^>]*aria-describedby="i_when-e i_when-h" aria-invalid="true"', page)

    assert text(nigora.press("/incidents", i_when="2016-09-22", question="", p_label="")).count("22 September 2016") == 1


def test_a_date_is_kept_as_exactly_as_it_was_given(nigora: Caseworker) -> None:
    nigora.open("C-0005")
    expected = {
        "2016-09-22": "22 September 2016",
        " 2016-09 ": "September 2016",
        "../2015-09-15": "by 15 September 2015",
        "2007/..": "from 2007",
        "2016-09-23/2016-12-20": "some time between 23 September and 20 December 2016",
        "": "not stated",
    }
    for number, (when, words) in enumerate(expected.items()):
        assert text(nigora.add(i_title=f"Visit {number}", i_when=when)).startswith(f"{words} Visit {number}")


def test_an_act_with_a_date_of_its_own_has_its_own_row(nigora: Caseworker) -> None:
    page = nigora.open("C-0005")
    incident = next(value for value, _ in offered(page, "incident") if value)
    page = nigora.press("/acts", incident=incident, a_type="MOV_PASSPORT", a_when="2017-08", a_ended="passport_returned", a_by="police")

    rows = [text(group) for group in groups(page)]
    assert [row.partition(" Village")[0] for row in rows] == ["10 July 2017", "August 2017"]
    assert "Passport taken" in rows[1]
    assert "by whom: police · how it ended: passport returned" in rows[1]
    assert "passport" not in text(section(page, "st"))


def offered(page: str, name: str) -> list[tuple[str, str]]:
    """Return (value, words) of a select."""
    found = re.search(rf'<select[^>]*name="{name}"[^>]*>(.*?)</select>', page, re.DOTALL)
    assert found
    return [(value, unescape(words)) for value, words in re.findall(r'<option value="([^"]*)"[^>]*>([^<]+)<', found[1])]


def test_a_place_is_recorded_once_under_all_its_names(nigora: Caseworker) -> None:
    nigora.open("C-0005")
    before = count(nigora.world, Reference)

    assert "Kulob" in nigora.add(i_title="First", i_new_place="kulyab")
    assert count(nigora.world, Reference) == before
    assert "Vahdat" in nigora.add(i_title="Second", i_new_place="Vahdat")
    assert count(nigora.world, Reference) == before + 1
    assert "Vahdat" in {words for _, words in offered(nigora.browser.page.text, "i_place")}
    assert "Vahdat" in nigora.add(i_title="Third", i_new_place="VAHDAT")
    assert count(nigora.world, Reference) == before + 1


def test_two_places_are_one_too_many(nigora: Caseworker) -> None:
    page = nigora.open("C-0005")
    place = offered(page, "i_place")[5][0]

    page = nigora.press("/incidents", 422, **INCIDENT, i_place=place, i_new_place="Vahdat")

    assert "Choose a place or name a new one, not both." in page
    assert nigora.browser.form("/incidents").value("i_place") == place


def test_a_minor_is_not_given_a_name(nigora: Caseworker) -> None:
    nigora.open("C-0005")
    before = count(nigora.world, Person)

    for minor in ("yes", "probable"):
        page = nigora.press("/people", 422, p_names="Zarnigor", p_relation="child", p_minor=minor)
        assert "A minor is never named: empty this box" in page
        assert nigora.browser.form("/people").value("p_names") == "Zarnigor"
        page = nigora.press("/incidents", 422, **INCIDENT, i_new_names="Zarnigor", i_new_minor=minor)
        assert "A minor is never named: empty this box" in page
    assert count(nigora.world, Person) == before

    nigora.again()
    page = nigora.press("/people", p_relation="child", p_sex="f", p_minor="probable")
    assert count(nigora.world, Person) == before + 1
    assert "daughter" in text(section(page, "pe"))
    assert "Minor: probably" in page


WRONG: Final[tuple[tuple[str, dict[str, str], str], ...]] = (
    ("/incidents", {"i_type": "THR_HARASS"}, "Say in a few words what happened."),
    ("/incidents", {"i_title": "Something"}, "Choose what was done."),
    ("/incidents", {**INCIDENT, "i_new_sex": "f"}, "Give a name, a few words, or what they are to the exile."),
    ("/acts", {"a_type": "THR_HARASS"}, "Choose the incident that it belongs to."),
    ("/people", {"p_sex": "f"}, "Give a name, a few words, or what they are to the exile."),
    ("/questions", {"question": "  "}, "Write the question."),
    ("/incidents", {**INCIDENT, "i_title": "x" * 201}, "Something in the form is empty or too long."),
    ("/incidents", {**INCIDENT, "i_type": "NO_SUCH"}, "Something in the form is empty or too long."),
    ("/incidents", {**INCIDENT, "i_by": "NO_SUCH"}, "Something in the form is empty or too long."),
    ("/incidents", {**INCIDENT, "i_place": str(UUID(int=7))}, "Something in the form is empty or too long."),
    ("/incidents", {**INCIDENT, "i_victim": str(UUID(int=7))}, "Something in the form is empty or too long."),
    ("/incidents", {**INCIDENT, "i_open": "\n".join("?" * 21)}, "Something in the form is empty or too long."),
    ("/priority", {"priority": "NO_SUCH"}, "Something in the form is empty or too long."),
    ("/acts", {"incident": str(UUID(int=7)), "a_type": "THR_HARASS"}, "This record does not exist."),
)


def test_what_is_wrong_is_said_and_nothing_is_saved(nigora: Caseworker) -> None:
    nigora.open("C-0002")
    before = count(nigora.world, LedgerEntry)

    for action, typed, says in WRONG:
        nigora.again()
        nigora.browser.press(action, **typed)
        assert nigora.browser.page.status_code in (404, 422), typed
        assert says in nigora.browser.page.text, typed
        form = nigora.browser.form(action)
        kept = {name: form.value(name) for name in typed if name not in ("priority", "i_victim", "i_type", "i_by", "i_place", "incident")}
        assert kept == {name: value for name, value in typed.items() if name in kept}
    assert count(nigora.world, LedgerEntry) == before


# --- once, in order, and nothing lost


def test_a_form_sent_twice_makes_one_record(nigora: Caseworker) -> None:
    world, new = nigora.world, {"i_new_label": "A neighbour", "i_new_place": "Vahdat"}
    page = nigora.open("C-0005")
    incident = offered(page, "incident")[1][0]
    sent: tuple[tuple[str, dict[str, str], dict[type[Base], int]], ...] = (
        ("/incidents", {**INCIDENT, **new}, {Incident: 1, Act: 1, Person: 1, Reference: 1}),
        ("/people", {"p_names": "Somebody"}, {Person: 1}),
        ("/acts", {"incident": incident, "a_type": "THR_HARASS", "a_new_label": "A neighbour"}, {Act: 1, Person: 1}),
    )
    for action, typed, made in sent:
        nigora.again()
        before = {table: count(world, table) for table in (Incident, Act, Person, Reference)}
        form = nigora.browser.form(action)
        data = form.data(None, **typed)
        assert [nigora.browser.post(form.action, data).status_code for _ in range(3)] == [200, 200, 200]
        assert {table: count(world, table) for table in before} == {table: number + made.get(table, 0) for table, number in before.items()}


def test_a_changed_form_makes_another_record(nigora: Caseworker) -> None:
    """As when somebody goes back to the old page and writes down the next thing."""
    nigora.open("C-0005")
    before = count(nigora.world, Incident)
    form = nigora.browser.form("/incidents")

    for title in ("First", "Second", "First"):
        assert nigora.browser.post(form.action, form.data(None, **{**INCIDENT, "i_title": title})).status_code == 200

    assert count(nigora.world, Incident) == before + 2


def test_a_case_begun_twice_is_one(nigora: Caseworker) -> None:
    nigora.list()
    before = count(nigora.world, Case)
    form = nigora.browser.form("/desk/cases")
    data = form.data(None, title="A journalist in Riga", names="Rustam Tested", category="journalist")

    pages = [nigora.browser.post(form.action, data).request.path for _ in range(2)]

    assert len(set(pages)) == 1
    assert count(nigora.world, Case) == before + 1
    assert "C-0013" in nigora.browser.page.text
    assert "Rustam Tested" in nigora.browser.page.text
    assert "Owner: Nigora" in nigora.browser.page.text


NO_CASE: Final[tuple[tuple[dict[str, str], str], ...]] = (
    ({"names": "Rustam"}, "Give the case a title."),
    ({"title": "Journalist"}, "Give a name, or a few words below."),
    ({"title": "Reprisals against Rustam", "names": "Rustam Tested"}, "The title names the exile."),
    ({"title": "Преследование Рустама", "names": "Rustam Tested"}, "The title names the exile."),
    ({"title": "x" * 201, "names": "Rustam"}, "Something in the form is empty or too long."),
    ({"title": "Journalist", "names": "Rustam", "category": "NO_SUCH"}, "Something in the form is empty or too long."),
)


def test_a_case_that_cannot_begin_keeps_what_was_typed(nigora: Caseworker) -> None:
    before = count(nigora.world, Case)

    for typed, says in NO_CASE:
        nigora.list()
        assert says in nigora.press("/desk/cases", 422, **typed)
        form = nigora.browser.form("/desk/cases")
        assert {name: form.value(name) for name in typed if name != "category"} == {
            name: typed[name] for name in typed if name != "category"
        }
    assert count(nigora.world, Case) == before


def test_a_damaged_case_keeps_its_number(nigora: Caseworker) -> None:
    with nigora.world.database.read() as session:
        last = next(item.id for item in open_table(session, nigora.world.actor("Ruth"), Case) if item.body.number == 12)
    spoil(nigora.world, Case, last)
    nigora.list()

    assert "C-0013" in nigora.press("/desk/cases", title="A journalist", names="Rustam Tested")


def test_what_is_done_already_is_not_done_again(nigora: Caseworker) -> None:
    """A double click on a button that changes the case is no conflict."""
    nigora.open("C-0005")
    presses: list[tuple[str, dict[str, str]]] = [
        ("/priority", {"priority": "urgent"}),
        ("/state", {"to": "monitoring"}),
        ("/questions", {"question": "Where is he?"}),
        ("/questions/close", {"at": "0"}),
    ]
    for action, typed in presses:
        nigora.again()
        form = nigora.browser.form(action)
        data = form.data(None, **typed)
        size = count(nigora.world, LedgerEntry)
        assert [nigora.browser.post(form.action, data).status_code for _ in range(2)] == [200, 200], action
        assert count(nigora.world, LedgerEntry) == size + 1, action


def test_an_old_page_changes_nothing_and_gives_back_what_was_typed(nigora: Caseworker, second: Caseworker) -> None:
    nigora.open("C-0005")
    second.open("C-0005")
    sent: tuple[tuple[str, dict[str, str]], ...] = (
        ("/priority", {"priority": "low"}),
        ("/state", {"to": "closed"}),
        ("/questions", {"question": "Where?"}),
    )
    for number, (action, typed) in enumerate(sent):
        nigora.again()
        form = nigora.browser.form(action)
        second.again()
        second.press("/questions", question=f"Number {number}?")
        size = count(nigora.world, LedgerEntry)

        page = nigora.browser.post(form.action, form.data(None, **typed, p_label="A cousin"))

        assert page.status_code == 409
        assert "Somebody was faster" in page.text
        assert count(nigora.world, LedgerEntry) == size
        assert nigora.browser.form("/people").value("p_label") == "A cousin"
        assert nigora.browser.form("/questions").value("question") == typed.get("question", "")
        assert nigora.browser.press(action, p_label="", **typed).status_code == 200  # the page that came back is the newest


def test_no_button_loses_what_stands_in_another_box(nigora: Caseworker) -> None:
    nigora.open("C-0005")

    page = nigora.press(
        "/priority", priority="high", i_title="Half an incident", i_victim=[offered_people(nigora)[0]], p_names="Half a person"
    )

    assert "Done. What you typed elsewhere on this page is still here, not saved yet." in page
    assert "Priority: high" in page
    form = nigora.browser.form("/incidents")
    assert (form.value("i_title"), form.value("p_names")) == ("Half an incident", "Half a person")
    assert form.value("i_victim") == offered_people(nigora)[0]


def offered_people(worker: Caseworker) -> list[str]:
    return re.findall(r'name="i_victim" value="([^"]+)"', worker.browser.page.text)


# --- permission and lease


def test_a_case_is_shut_until_it_is_opened(nigora: Caseworker) -> None:
    case_id = nigora.ids()["C-0002"]

    page = nigora.browser.get(f"/desk/cases/{case_id}")

    assert page.status_code == 403
    assert "Farrukh" not in page.text
    assert "E02" not in page.text
    nigora.browser.press("/open")
    assert "Farrukh" in nigora.browser.page.text


def test_what_was_typed_too_late_goes_through_the_next_opening(nigora: Caseworker, app: Flask) -> None:
    nigora.open("C-0005")
    form = nigora.browser.form("/incidents")
    people = offered_people(nigora)
    before = count(nigora.world, Incident)
    forget_leases(nigora.world)

    page = nigora.browser.post(form.action, form.data(None, **INCIDENT, i_open=f"{HTML}\nTwo?", i_victim=people[:2], question="Why?"))

    assert page.status_code == 403
    assert "The hour was over before you saved." in page.text
    assert count(nigora.world, Incident) == before
    nigora.browser.press("/open")
    assert nigora.browser.page.status_code == 200
    form = nigora.browser.form("/incidents")
    assert form.value("i_title") == INCIDENT["i_title"]
    assert form.value("i_open") == f"{HTML}\nTwo?"
    assert [value for name, value in form.fields if name == "i_victim"] == people[:2]
    assert "<script" not in nigora.browser.page.text
    nigora.press("/incidents", question="")
    assert count(nigora.world, Incident) == before + 1


ACTIONS: Final = ("open", "incidents", "acts", "people", "questions", "questions/close", "state", "priority", "distinct")


@pytest.mark.parametrize("name", ["Jonas", "Salome", "Edda"])
def test_other_roles_have_no_case(app: Flask, world: World, name: str) -> None:
    with world.database.read() as session:
        case_id = session.scalars(select(Case.id)).first()
    door = "/audit/" if name == "Edda" else "/desk/"
    member = Member(app, world.instance, name, door)
    member.sign_in()
    member.get("/desk/none")
    csrf = next(form.value("csrf") for form in member.forms() if form.value("csrf"))

    assert member.get("/desk/cases").status_code == 403
    assert member.get(f"/desk/cases/{case_id}").status_code == 403
    for url in ("/desk/cases", "/desk/cases/look", *(f"/desk/cases/{case_id}/{action}" for action in ACTIONS)):
        assert member.client.post(url, data={"csrf": csrf, "to": "closed"}).status_code == 403, url


def test_nobody_without_a_session_has_a_case(app: Flask) -> None:
    browser = Browser(app)

    assert browser.get("/desk/cases").status_code == 401
    assert browser.get(f"/desk/cases/{UUID(int=7)}").status_code == 401


def test_a_case_that_does_not_exist_is_no_secret(nigora: Caseworker) -> None:
    nigora.open("C-0005")
    typed = {"csrf": nigora.browser.form("/people").value("csrf"), "to": "closed", "question": "x", "pair": f"{uuid4()} {uuid4()}"}
    url = f"/desk/cases/{UUID(int=7)}"

    assert nigora.browser.get(url).status_code == 404
    for action in ACTIONS:
        assert nigora.browser.post(f"{url}/{action}", typed).status_code == 404, action


# --- state, priority, questions, two people


def test_a_case_moves_along_its_states(nigora: Caseworker) -> None:
    nigora.open("C-0005")
    ways = {
        "Open": {"monitoring", "closed"},
        "Monitoring": {"open", "closed"},
        "Closed": {"reopened"},
        "Reopened": {"monitoring", "closed"},
    }
    for to, words in (("monitoring", "Monitoring"), ("open", "Open"), ("closed", "Closed"), ("reopened", "Reopened")):
        page = nigora.press("/state", to=to)
        assert f">{words}</span>" in page
        assert set(re.findall(r'name="to" value="(\w+)"', page)) == ways[words]
    assert [entry["details"]["to"] for entry in nigora.world.entries() if entry["kind"] == "case.moved"] == [
        "monitoring",
        "open",
        "closed",
        "reopened",
    ]


def test_a_step_that_there_is_not_is_refused(nigora: Caseworker) -> None:
    nigora.open("C-0005")

    assert "Somebody was faster" in nigora.press("/state", 409, to="reopened")
    assert nigora.browser.post(f"{nigora.address}/state", nigora.browser.form("/people").data(None, to="gone")).status_code == 422
    with nigora.world.database.read() as session:
        assert set(session.scalars(select(Case.state))) == {CaseState.OPEN}


def test_a_question_is_asked_and_closed_and_stays(nigora: Caseworker) -> None:
    nigora.open("C-0005")
    page = nigora.press("/questions", question=f"Where is he? {HTML}")
    assert "<script" not in page
    assert "Where is he?" in section(page, "oq")
    assert "Nigora, " in section(page, "oq")

    page = nigora.press("/questions/close", at="0")

    assert "1 closed question" in page
    assert "Nothing is marked as open." in section(page, "oq")
    assert nigora.browser.press("/questions", question="Where is he now?").status_code == 200
    answer = nigora.browser.post(f"{nigora.address}/questions/close", nigora.browser.form("/people").data(None, at="7"))
    assert answer.status_code == 409


def test_two_people_of_one_name_are_told_apart_once_for_both_cases(nigora: Caseworker) -> None:
    nigora.list()
    page = nigora.press("/desk/cases", title="A student in Riga", names="Dilbar Tested")
    address = nigora.address
    assert [words for _, words in offered(page, "pair")][1:] == ["Dilbar Tested (" + own_code(page) + ") ≠ R19, wife, C-0006"]
    pair = offered(page, "pair")[1][0]

    page = nigora.press("/distinct", pair=pair)

    assert "R19, wife, C-0006. Recorded by Nigora" in text(section(page, "pe"))
    assert "Nobody of another case shares only a given name" in page
    other = nigora.open("C-0006")
    assert f"{own_code(page)}, exile, C-0013. Recorded by Nigora" in text(section(other, "pe"))
    assert "Dilbar Tested" not in other
    assert nigora.browser.get(address).status_code == 200
    size = count(nigora.world, LedgerEntry)
    nigora.browser.post(f"{address}/distinct", nigora.browser.form("/people").data(None, pair=pair))
    assert count(nigora.world, LedgerEntry) == size


def own_code(page: str) -> str:
    found = re.search(r'exile <span class="ref">([^<]+)<', page)
    assert found
    return found[1]


def test_people_of_one_case_are_not_told_apart_like_that(nigora: Caseworker) -> None:
    nigora.open("C-0002")
    one, two = offered_people(nigora)[:2]
    elsewhere = str(uuid4())

    for pair in (f"{one} {two}", f"{elsewhere} {one}", f"{one} {elsewhere}"):
        page = nigora.browser.post(f"{nigora.address}/distinct", nigora.browser.form("/people").data(None, pair=pair))
        assert page.status_code == 404, pair


# --- at stake, reports, findings, damage


def test_what_began_is_at_stake_until_an_end_is_stated(nigora: Caseworker) -> None:
    nigora.open("C-0005")
    expected = {
        "LIB_DISAPPEAR": ("missing", "Missing"),
        "LIB_DETENTION": ("held; release not stated", "Held"),
        "MOV_PASSPORT": ("passport taken; return not stated", ""),
        "ECO_PROPERTY": ("property taken; return not stated", ""),
        "SEX_RAPE_THREAT": ("threatened with rape", "Sexual violence"),
    }
    for act, (stake, chip) in expected.items():
        nigora.add(i_title=f"Ended: {act}", i_type=act, i_ended="released")
        assert f": {stake}" not in text(section(nigora.browser.page.text, "st"))
        nigora.add(i_title=f"Not ended: {act}", i_type=act, i_ended="none", i_new_label="A cousin")
        page = nigora.browser.page.text
        assert f": {stake}" in text(section(page, "st"))
        assert not chip or f">{chip}</span>" in page
    assert text(section(nigora.again(), "st")).count("Who did it is not stated.") == len(expected)


def test_where_somebody_is_ends_that_they_are_missing(nigora: Caseworker) -> None:
    nigora.open("C-0005")

    nigora.add(i_type="LIB_DISAPPEAR", i_new_label="A cousin", i_new_whereabouts="reunited_abroad")

    page = nigora.browser.page.text
    assert ": missing" not in text(section(page, "st"))
    assert "together abroad" in text(section(page, "pe"))


def test_a_case_without_an_open_end_says_so(nigora: Caseworker) -> None:
    assert "No act of this case left anything open" in nigora.open("C-0005")


def test_linked_reports_lead_to_their_pages(nigora: Caseworker) -> None:
    report = uuid4()
    link = {"report": str(report), "type": "supports", "certainty": "likely"}
    for key in ("I05", "I06"):
        change(nigora.world, Incident, lambda body, key=key: body.key == key, lambda body: body.reports.append(link), "incident.changed")

    shown = section(nigora.open("C-0002"), "re")

    assert f'href="/desk/reports/{report}"' in shown
    assert "describes the same event, likely I05, I06" in text(shown)


def test_findings_are_shown_as_far_as_signatures_bear_them(app: Flask, world: World) -> None:
    world.confirm("I05·1")
    world.review("I06·1")
    world.do("Nigora", "take", "I07·1")

    nigora = sign_in(app, world)
    page = nigora.open("C-0002")

    cells = {ref: text(cell) for ref, cell in re.findall(r'class="ref">(I\d\d·\d)<.*?<td>(.*?)</td>', page, re.DOTALL)}
    assert cells["I05·1"] == "L1 possible confirmed, 2 people"
    assert cells["I06·1"] == "L1 possible in review, 1 of 2 signed"
    assert cells["I07·1"] == "in assessment"
    assert cells["I08·1"] == "not assessed"
    assert "10 acts: 7 not assessed, 1 in assessment, 1 in review, 1 confirmed" in text(section(page, "fi"))
    row = next(part for part in nigora.list().split("<tr>") if ">C-0002<" in part)
    assert "1 confirmed" in text(row)
    assert "1 waiting" in text(row)


def test_a_finding_that_nobody_signed_is_called_damaged(app: Flask, world: World) -> None:
    """Whoever holds the team's secret can save a state, but no signature of another."""
    world.do("Nigora", "take", "I05·1")
    world.do("Nigora", "take", "I06·1")
    with world.forging("Nigora", "I05·1") as (session, row, item):
        row.state = FindingState.CONFIRMED
        save_finding(session, world.actor("Nigora"), row, item.body, "finding.confirmed", now=world.now, details={})
    spoil(world, Finding, world.finding_id("I06·1"))

    nigora = sign_in(app, world)
    page = nigora.open("C-0002")

    cells = {ref: text(cell) for ref, cell in re.findall(r'class="ref">(I\d\d·\d)<.*?<td>(.*?)</td>', page, re.DOTALL)}
    assert (cells["I05·1"], cells["I06·1"]) == ("damaged", "damaged")
    assert "10 acts: 8 not assessed, 2 damaged" in text(section(page, "fi"))
    assert "0 confirmed" in text(next(part for part in nigora.list().split("<tr>") if ">C-0002<" in part))


@pytest.mark.parametrize(("table", "key"), [(Incident, "I05"), (Act, "1"), (Person, "R07"), (Reference, "T01")])
def test_a_damaged_record_is_named_and_the_rest_is_shown(nigora: Caseworker, table: type[SealedRow], key: str) -> None:
    world = nigora.world
    with world.database.read() as session:
        row_id = damaged_row(session, world, table, key)
    spoil(world, table, row_id)

    page = nigora.open("C-0002")

    assert "1 record of this case does not match its seal or the log." in text(page)
    assert len(groups(page)) == (5 if table is Incident else 6)
    assert "Relatives flee the country" in page
    if table is Person:
        assert "damaged record : missing" in text(section(page, "st"))
        assert "Farrukh ," not in text(main_of(page))
    if table is Reference:
        assert "damaged record" in groups(page, "trigger")[0]
    if table is Act:
        assert "No act of it can be shown." in page or page.count("/acts/") == 9


def damaged_row(session: Session, world: World, table: type[SealedRow], key: str) -> UUID:
    items: list[Any] = open_table(session, world.actor("Ruth"), table)
    if table is Act:
        incident = next(item.id for item in open_table(session, world.actor("Ruth"), Incident) if item.body.key == "I08")
        items = [item for item in items if item.row.incident_id == incident]
    return next(UUID(str(item.id)) for item in items if item.body.key == key)


def test_a_damaged_case_is_refused_and_the_others_open(nigora: Caseworker) -> None:
    ids = nigora.ids()
    spoil(nigora.world, Case, UUID(ids["C-0002"]))

    csrf = nigora.browser.form("/desk/cases").value("csrf")
    page = nigora.browser.post(f"/desk/cases/{ids['C-0002']}/open", {"csrf": csrf})
    assert page.status_code == 409
    assert "Damaged" in page.text

    assert "I01" in nigora.open("C-0001")


def test_what_was_typed_is_kept_when_the_case_is_damaged_meanwhile(nigora: Caseworker) -> None:
    nigora.open("C-0002")
    form = nigora.browser.form("/questions")
    spoil(nigora.world, Case, UUID(nigora.address.rsplit("/", 1)[1]))

    page = nigora.browser.post(form.action, form.data(None, question="Where is he?"))

    assert page.status_code == 409
    assert 'name="question" value="Where is he?"' in page.text


# --- the page itself


def test_relations_are_drawn_for_a_dozen_people_and_always_in_the_table(nigora: Caseworker) -> None:
    page = nigora.open("C-0002")
    drawn = re.findall(r'<rect class="(box[^"]*)"', section(page, "pe"))
    assert sorted(drawn) == ["box", "box", "box", "box", "box", "box hot", "box self"]
    shown = re.findall(r'<text x="144"[^>]*>([^<]+)<', page)
    assert shown == [
        "Household of Ilhomjon… (R04)",
        "Sister (R05)",
        "Alijon (R06)",
        "Farrukh (R07)",
        "Father-in-law (R08)",
        "Many relatives of Yaqu… (R09)",
    ]

    for number in range(6):
        page = nigora.press("/people", p_names=f"{ARABIC} {number}")
        nigora.again()
    assert len(re.findall(r'<rect class="box"', page)) == 11
    page = nigora.press("/people", p_names=HTML)
    assert "<rect" not in page
    assert len(re.findall(r'<th scope="row"><bdi>', section(page, "pe"))) == 14
    assert "<script" not in page


def test_page_has_one_primary_button_and_no_inline_style(nigora: Caseworker) -> None:
    for page in (nigora.open("C-0002"), nigora.open("C-0004"), nigora.list()):
        assert len(re.findall(r'class="go"', page)) == 1
        assert not re.search(r"\sstyle=|<style|<script|\son\w+=", page)
        ids = re.findall(r'\sid="([^"]+)"', page)
        assert len(ids) == len(set(ids))
        assert set(re.findall(r'<label for="([^"]+)"', page)) <= set(ids)
        levels = [int(level) for level in re.findall(r"<h(\d)", page)]
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
