"""The walk through real pages without script, and what a first-time user meets on it."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewPage, Site
from tests.browser.people import QUESTION, WORDS, Worker, Writer, press

pytestmark = pytest.mark.browser


def test_a_report_travels_without_script(site: Site, new_page: NewPage) -> None:
    """Send, sign in, look, open, take, describe, hand over, release, read, answer, see what is new."""
    source = Writer(new_page(), site)
    source.show_form()
    source.page.fill("#text", WORDS)
    source.page.check("[name=danger][value=now]")
    for question in ("Who is it about?", "What kind of pressure was it?", "May we write to you?"):
        source.page.locator("summary", has_text=question).click()
    source.page.fill("#who", "his mother")
    source.page.check("[name=kind][value=THR]")
    source.page.check("[name=reply][value=yes]")
    source.send()
    expect(source.page.locator("h1")).to_have_text("Thank you. It has arrived.")
    code = source.shown_code()
    assert len(code) == 27

    nigora = Worker(new_page(), site, "Nigora")
    nigora.sign_in()
    expect(nigora.page.locator(".queue")).to_contain_text("Not yet opened")
    nigora.open_first()
    expect(nigora.page.locator(".parallel")).to_contain_text("They asked where he lives.")
    press(nigora.page.locator("text=Take this report"))
    nigora.page.fill("#gi", "Visit at a home")
    nigora.page.fill("#su", "Two people came.")
    press(nigora.page.locator(".edit .go"))
    expect(nigora.page.locator("h1")).to_have_text("Visit at a home")
    nigora.page.fill("#re", QUESTION)
    press(nigora.page.locator("text=Hand over for release"))
    expect(nigora.page.locator("#messages")).to_contain_text("waits for release")

    ruth = Worker(new_page(), site, "Ruth")
    ruth.sign_in()
    press(ruth.page.locator("nav").get_by_text("To release"))
    press(ruth.page.locator("button.go", has_text="Release"))
    expect(ruth.page.locator("main")).to_contain_text("No message waits for release")

    source.open_mailbox(code)
    expect(source.page.locator("article")).to_contain_text(QUESTION)
    assert "Two people came" not in source.page.content()
    source.page.fill("#text", "Yes, they took it.")
    press(source.page.locator("[value=add]"))
    expect(source.page.get_by_role("status")).to_have_text("It has arrived. Thank you.")
    assert "Yes, they took it." not in source.page.content()

    nigora.show("/desk/queue")
    press(nigora.page.locator("text=Bring in"))
    expect(nigora.page.locator(".queue")).to_contain_text("1 message")
    nigora.open_first()
    expect(nigora.page.locator("main")).to_contain_text("New since you looked")
    expect(nigora.page.locator("#messages")).to_contain_text("Yes, they took it.")


def test_changing_the_language_keeps_the_draft(site: Site, new_page: NewPage) -> None:
    """Text, choices and lines stay, their groups come back open, and the draft can be sent."""
    writer = Writer(new_page(), site)
    page = writer.page
    writer.show_form()
    page.fill("#text", f"\n{WORDS}")
    page.check("[name=danger][value=soon]")
    page.locator("summary", has_text="Who is it about?").click()
    page.fill("#who", "“my mother” & <others>")
    page.select_option("#rel", "sibling")

    press(page.locator(".langs [lang=ru]"))

    expect(page.locator("html")).to_have_attribute("lang", "ru")
    expect(page.locator("#text")).to_have_value(f"\n{WORDS}")
    expect(page.locator("[name=danger][value=soon]")).to_be_checked()
    expect(page.locator("#who")).to_be_visible()
    expect(page.locator("#who")).to_have_value("“my mother” & <others>")
    expect(page.locator("#rel")).to_have_value("sibling")
    writer.send()
    assert len(writer.shown_code()) == 27


def test_an_error_keeps_what_was_typed_and_leads_to_it(site: Site, new_page: NewPage) -> None:
    """The summary names the fault in the title, in an alert and at the field; its link goes to the field."""
    writer = Writer(new_page(), site)
    page = writer.page
    writer.show_form()
    page.locator("summary", has_text="When and where?").click()
    page.fill("#year", "two years ago")
    page.fill("#where", "at home")
    writer.send()

    assert page.title() == "Error: Form – write"
    expect(page.get_by_role("alert")).to_be_in_viewport()
    expect(page.locator("#where")).to_have_value("at home")
    expect(page.locator("#year")).to_have_attribute("aria-invalid", "true")
    page.get_by_role("alert").get_by_role("link").last.click()
    expect(page.locator("#year")).to_be_in_viewport()


def test_enter_in_a_field_sends_nothing(site: Site, new_page: NewPage) -> None:
    """A slip of the thumb must not send a half-written report."""
    writer = Writer(new_page(), site)
    writer.show_form()
    writer.page.locator("summary", has_text="When and where?").click()
    writer.page.fill("#text", WORDS)
    writer.page.press("#day", "Enter")
    writer.page.wait_for_timeout(300)
    expect(writer.page.locator("#text")).to_have_value(WORDS)


def test_the_printed_card_tells_nothing_but_the_code(site: Site, new_page: NewPage) -> None:
    """No heading of ours, no words, no address; only the three lines and the reader's own heading."""
    writer = Writer(new_page(), site)
    code = writer.send_words()
    lines = writer.page.locator(".code bdi").all_inner_texts()

    writer.page.emulate_media(media="print")

    assert "".join("".join(lines).split()) == code
    assert writer.page.locator("body").inner_text().split("\n") == lines
    expect(writer.page.locator("#head")).to_be_hidden()


def test_the_printed_card_carries_the_readers_own_heading(site: Site, new_page: NewPage) -> None:
    writer = Writer(new_page(), site)
    writer.send_words()
    writer.page.locator("summary").click()
    writer.page.fill("#head", "Library")

    writer.page.emulate_media(media="print")

    expect(writer.page.locator("#head")).to_be_visible()
    expect(writer.page.locator("#head")).to_have_value("Library")
    expect(writer.page.locator("h1")).to_be_hidden()
