"""The story of README without script: four reports are linked, two findings confirmed, and an auditor checks who did it."""

import subprocess
import sys
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from app.cases.importing import import_published, published
from app.check import check_as_auditor, check_as_team
from app.demo.writer import demo_reports, write_report
from tests.browser.conftest import NewPage, Site
from tests.browser.people import Worker, press

pytestmark = pytest.mark.browser

LANGUAGES: Final = {"ru": "Russian", "fa": "Persian", "tg": "Tajik", "en": "English"}
CASES: Final = {"ru": ("C-0002", "I07"), "fa": ("C-0004", "I14"), "tg": ("C-0001", "I04"), "en": ("C-0001", "I01")}
ANSWERS: Final = ("plausible", "fits_pattern", "agency")


@pytest.fixture
def team(site: Site, new_page: NewPage) -> dict[str, Worker]:
    """Everybody at their own browser, signed in, after the published cases and the four reports came in."""
    ruth, _ = site.instance.actor("Ruth")
    with site.instance.database().write() as session:
        import_published(session, ruth, published(), now=site.instance.clock.now)
    for report in demo_reports():
        write_report(urlsplit(site.address).port or 0, report["language"], report["fields"])
    found = {}
    for name in ("Nigora", "Timur", "Ruth", "Salome", "Edda"):
        found[name] = Worker(new_page(), site, name)
        found[name].sign_in("/audit/" if name == "Edda" else "/desk/")
    return found


def link_report(page: Page, language: str) -> None:
    """Open a report, take it, see the right case first, compare, link and accept."""
    code, incident = CASES[language]
    press(page.get_by_role("link", name="Queue", exact=True).first)
    press(page.locator("tr", has_text=LANGUAGES[language]).locator("th button"))
    press(page.get_by_role("button", name="Take this report"))
    expect(page.locator(".sugg").first).to_contain_text(code)
    press(page.get_by_role("button", name=f"Compare with {code}"))
    page.locator("label", has_text=incident).click()
    page.select_option("[name=type]", "supports")
    page.select_option("[name=certainty]", "certain")
    press(page.get_by_role("button", name="Link and accept"))
    expect(page.locator("main")).to_contain_text("Accepted")


def open_act(page: Page, case: str, act: str) -> None:
    """Go to an act through the list of cases."""
    press(page.get_by_role("link", name="Cases", exact=True))
    press(page.locator("tr", has_text=case).locator("th button"))
    press(page.get_by_role("link", name=act).first)


def propose(page: Page) -> None:
    """Grade what is there as C3, answer, and sign."""
    for row in page.locator("select[name$=-reliability]").all():
        key = str(row.get_attribute("name")).partition("-")[0]
        if not page.input_value(f"[name={key}-who]"):
            if page.locator(f"[name={key}-cites]").input_value():
                page.check(f"[name={key}-drop]")  # what the linked report adds is not graded here
            continue
        page.select_option(f"[name={key}-reliability]", "C")
        page.select_option(f"[name={key}-credibility]", "3")
        page.check(f"[name={key}-consistent]")
        page.fill(f"[name={key}-origin]", "one account")
    for name in ANSWERS:
        page.check(f"[name={name}][value=yes]")
    page.select_option("[name=standard]", "reasonable_suspicion")
    page.fill("[name=reasoning]", "Told once and retold.")
    press(page.get_by_role("button", name="Sign and propose"))
    expect(page.get_by_role("alert")).to_contain_text("what speaks against it")
    expect(page.locator("[name=reasoning]")).to_have_value("Told once and retold.")
    page.fill("[name=speaks_against]", "Nobody who was there has been heard.")
    page.fill("[name=note]", "One origin only.")
    press(page.get_by_role("button", name="Sign and propose"))
    expect(page.locator("aside")).to_contain_text("L1 possible")


def review(team: dict[str, Worker], address: str) -> None:
    """Ruth asks Timur; he has to say that he read the sources, and confirms."""
    ruth, timur = team["Ruth"].page, team["Timur"].page
    ruth.goto(address)
    press(ruth.locator("main button").first)
    ruth.select_option("[name=reviewer]", label="Timur")
    press(ruth.get_by_role("button", name="Ask"))
    timur.goto(address)
    press(timur.locator("main button").first)
    press(timur.get_by_role("button", name="Sign and confirm"))
    expect(timur.get_by_role("alert")).to_contain_text("Not signed")
    timur.check("[name=read]")
    press(timur.get_by_role("button", name="Sign and confirm"))


def test_four_reports_become_a_finding_that_an_auditor_can_check(site: Site, team: dict[str, Worker]) -> None:
    """Nigora links and proposes, Ruth assigns, Timur confirms, Salome signs for a minor, Edda checks."""
    nigora = team["Nigora"].page
    for language in LANGUAGES:
        link_report(nigora, language)
    press(nigora.get_by_role("link", name="Queue", exact=True).first)
    press(nigora.get_by_role("link", name="Accepted").first)
    expect(nigora.locator(".queue tbody tr:not(.group)")).to_have_count(4)

    open_act(nigora, "C-0002", "Arbitrary arrest or detention")
    press(nigora.get_by_role("button", name="Take"))
    propose(nigora)
    expect(nigora.get_by_role("button", name="Sign and confirm")).to_have_count(0)
    review(team, nigora.url)
    timur = team["Timur"].page
    expect(timur.locator("main")).to_contain_text("Confirmed")

    open_act(nigora, "C-0001", "Child confronted in public")
    press(nigora.get_by_role("button", name="Take"))
    propose(nigora)
    salome = team["Salome"].page
    press(salome.get_by_role("link", name="To sign"))
    press(salome.locator("main button").first)
    expect(salome.locator("main")).to_contain_text("Told once and retold.")
    press(salome.get_by_role("button", name="Sign"))
    review(team, nigora.url)
    expect(timur.locator("main")).to_contain_text("Confirmed")
    expect(timur.locator("aside")).to_contain_text("Salome")

    edda = team["Edda"].page
    press(edda.get_by_role("link", name="Cases"))
    press(edda.get_by_role("link", name="C-0002"))
    row = edda.locator("tr", has_text="I07·1").first
    for words in ("L1 possible", "Nigora", "Timur", "two people"):
        expect(row).to_contain_text(words)
    assert "Yaqubov" not in edda.content()
    press(edda.get_by_role("link", name="Log"))
    edda.select_option("select[name=eyes]", label="Two people")
    press(edda.get_by_role("button", name="Show"))
    expect(edda.locator("main")).to_contain_text("Finding confirmed")
    edda.select_option("select[name=eyes]", label="One of two")
    press(edda.get_by_role("button", name="Show"))
    expect(edda.locator("main")).not_to_contain_text("Finding confirmed")
    with edda.expect_download() as started:
        edda.get_by_role("button", name="Download").click()
    table = Path(started.value.path()).read_text("utf-8-sig")
    assert "C-0002" in table
    assert "Yaqubov" not in table
    expect(edda.locator("main")).to_contain_text("One origin only.")


def test_after_the_story_everything_checks_out(site: Site, team: dict[str, Worker], tmp_path: Path) -> None:
    """Rows, signatures, entries and the tree; and an earlier head still holds."""
    variables = {"PAIVAND_DATABASE": site.instance.url, "PAIVAND_ROOT": site.instance.root.hex(), "PATH": "/usr/bin:/bin"}
    head = subprocess.run([sys.executable, "-m", "app", "ledger", "head"], env=variables, capture_output=True, text=True, check=True)
    (tmp_path / "head").write_text(head.stdout)

    nigora = team["Nigora"].page
    link_report(nigora, "ru")
    open_act(nigora, "C-0002", "Arbitrary arrest or detention")
    press(nigora.get_by_role("button", name="Take"))
    propose(nigora)
    review(team, nigora.url)

    command = [sys.executable, "-m", "app", "ledger", "verify", "--head", str(tmp_path / "head")]
    verified = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert verified.stdout.startswith("ACCEPT"), verified.stdout
    ruth, _ = site.instance.actor("Ruth")
    edda, _ = site.instance.actor("Edda")
    with site.instance.database().read() as session:
        done = check_as_team(session, ruth)
        assert (done.faults, done.findings) == ((), 1)
        assert check_as_auditor(session, edda).faults == ()
