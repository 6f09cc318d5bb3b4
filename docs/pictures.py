"""Take the pictures of README and docs: start a throw-away demonstration, walk it as its people do, photograph the main pages.

No picture holds a name of a source, an exile or a victim: the report that is photographed retells the published article in codes, and
cases and findings are shown with their names hidden. The page that lays a report beside a case hides none, so there is no picture of it.
"""

import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyotp
from playwright.sync_api import Browser, Page, sync_playwright

ROOT: Final = Path(__file__).resolve().parents[1]
IMAGES: Final = ROOT / "docs" / "images"
WIDTHS: Final = (320, 1280)
SCHEMES: Final = ("light", "dark")
MAX_HEIGHT: Final = 2400
LIST_HEIGHT: Final = 1200  # a long list repeats itself
MAX_BYTES: Final = 8 * 2**20
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-lcd-text",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TEXT: Final = (
    "Demonstration: retold from a published article (Foreign Policy Centre, 4 December 2017).\n\n"
    "On 22 September 2016 about two hundred people gathered at the house of I. Y. in Khujand. They chanted and held posters. "
    "They called him a traitor. He lives in exile.\n\n"
    "The next day the flat of his sister was the target.\n\n"
    "The security services detained his brother and his father-in-law. They threatened to take the property of the family "
    "unless he was made to stop.\n\n"
    "In the following months many relatives fled the country."
)
GIST: Final = "Crowd at a house; brother and father-in-law held; property threatened"
SUMMARY: Final = (
    "Crowd of about 200 at the house of I. Y. on 22 September 2016, the sister’s flat the day after. "
    "Two relatives detained, property threatened unless he stops. Many relatives fled in the following months."
)
QUESTION: Final = "Thank you for writing to us.\n\nDo you know whether the two relatives are free again? You do not have to answer."
ANSWER: Final = "I do not know. I will write again when I hear something."
CASE: Final = "C-0002"
REVIEWED: Final = "Arbitrary arrest or detention"  # the act that waits for its reviewer; its report was linked
CONFIRMED: Final = "Crowd at the home"
STATEMENTS: Final = (  # who says so: how they know, origin, access, interest
    ("Letter of the exile to an organisation", "was told by the family", "the exile", "was_told", "family"),
    ("The article of 4 December 2017", "retells, and cites others", "the article", "read", "research"),
    ("A report to us", "retells the article", "the article", "read", "other"),
)
ANSWERS: Final = {"plausible": "yes", "fits_pattern": "yes", "agency": "no"}
LINES: Final = {
    "confirm": "Somebody who saw it, or a paper of the same days.",
    "refute": "A record that they were elsewhere.",
    "speaks_for": "It fits what else happened in that week.",
    "speaks_against": "Nobody who was there has been heard.\nWho exactly did it is not stated.",
    "reasoning": "What is told is consistent and fits the week, and none of it is first-hand.",
    "note": "Nothing first-hand so far.",
}
GISTS: Final = {"Persian": "Father taken off a flight; passport taken later", "Tajik": "Passports taken; no travel beyond the town"}


@dataclass(frozen=True)
class Demo:
    """A running demonstration."""

    folder: Path
    address: str
    passphrases: dict[str, str]

    def code(self, name: str) -> str:
        """Return a present second-device code."""
        command = [sys.executable, "-m", "app", "demo", "code", name, "--folder", str(self.folder)]
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 - our own words


@contextlib.contextmanager
def run_demo() -> Iterator[Demo]:
    """Found a demonstration in a temporary folder and serve it until the pictures are taken."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "demo"
        command = [sys.executable, "-m", "app", "demo", "serve", "--port", str(port), "--folder", str(folder)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - our own words
            try:
                yield Demo(folder, f"http://127.0.0.1:{port}", _passphrases(server))
            finally:
                server.send_signal(signal.SIGINT)


def _passphrases(server: subprocess.Popen[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in server.stdout or ():
        match line.split():
            case ["demo:", "auditors", *_]:
                return found
            case ["demo:", ("admin" | "lead" | "caseworker" | "auditor"), name, *words, _]:
                found[name] = " ".join(words)
    raise SystemExit("the demonstration did not start")


def shoot(page: Page, name: str, *, schemes: tuple[str, ...] = SCHEMES, limit: int = MAX_HEIGHT) -> None:
    """Photograph a page at every width and in the colour schemes."""
    page.wait_for_load_state()
    for width in WIDTHS:
        height = 800
        for _ in range(2):  # once as high as the page is, what stands beside it grows to its full height
            page.set_viewport_size({"width": width, "height": height})
            height = max(800, min(limit, round(page.locator("html").bounding_box()["height"])))  # type: ignore[index]
        for scheme in schemes:
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            clip = {"x": 0, "y": 0, "width": width, "height": height}
            page.screenshot(path=IMAGES / f"{name}-{width}-{scheme}.png", full_page=True, clip=clip, animations="disabled")  # type: ignore[arg-type]


def shoot_without_names(page: Page, name: str) -> None:
    """Photograph the page of a case or finding with codes and relations in place of names."""
    page.goto(f"{page.url}?names=off")
    if not page.locator("text=Show names").count():
        raise SystemExit(f"pictures: the names on {name} are not hidden")
    shoot(page, name)


def sign_in(browser: Browser, demo: Demo, name: str, door: str = "/desk/") -> Page:
    """Return a signed-in member's page."""
    page = browser.new_context().new_page()
    page.goto(demo.address + door)
    page.fill("[name=name]", name)
    page.fill("[name=passphrase]", demo.passphrases[name])
    page.fill("[name=code]", demo.code(name))
    with page.expect_navigation():
        page.click("button.go")
    return page


def open_row(page: Page, demo: Demo, words: str) -> None:
    """Open the first report whose row in the queue has these words."""
    page.goto(f"{demo.address}/desk/queue")
    with page.expect_navigation():
        page.locator("tr", has_text=words).first.locator("button.plain").click()


def open_ours(page: Page, demo: Demo) -> None:
    """Open the report that was just written; the other English one names people and is never photographed."""
    page.goto(f"{demo.address}/desk/queue")
    for ref in page.locator("tr", has_text="English").locator(".ref").all_inner_texts():
        open_row(page, demo, ref)
        if is_ours(page):
            return
    raise SystemExit("pictures: the report that was written is not in the queue")


def is_ours(page: Page) -> bool:
    """Tell whether the open report is the one in codes."""
    return TEXT.rpartition("\n")[2] in page.locator("main").inner_text()


def describe(page: Page, gist: str, summary: str = "") -> None:
    """Take the open report and describe it."""
    with page.expect_navigation():
        page.click("text=Take this report")
    page.fill("[name=gist]", gist)
    page.fill("[name=summary]", summary)
    with page.expect_navigation():
        page.locator(".edit .go").click()


def write_report(page: Page, demo: Demo) -> str:
    """Photograph the way of a source up to the receipt; return the code."""
    page.goto(demo.address)
    shoot(page, "landing")
    page.click("[lang=ru]")
    page.click("[value=write]")
    shoot(page, "write-ru", schemes=("light",))
    page.goto(demo.address)
    page.click("[value=write]")
    shoot(page, "write")
    page.fill("[name=text]", TEXT)
    page.check("[name=danger][value=unknown]")
    for question, choice in (("yourself", "[name=for][value=other]"), ("write to you", "[name=reply][value=yes]")):
        page.click(f"summary:has-text('{question}')")
        page.check(choice)
    page.click("summary:has-text('When and where')")
    for name, value in (("day", "22"), ("month", "September"), ("year", "2016"), ("where", "Khujand")):
        page.fill(f"[name={name}]", value)
    page.click("summary:has-text('kind of pressure')")
    for kind in ("LIB", "THR", "HUM", "ECO"):
        page.check(f"[name=kind][value={kind}]")
    page.click("summary:has-text('do with this')")
    page.check("[name=may][value=C2]")
    page.locator("[value=send]").first.click()
    shoot(page, "receipt")
    return "".join(page.locator(".code").inner_text().split())


def open_mailbox(page: Page, demo: Demo, code: str) -> None:
    """Open the mailbox of a code."""
    page.goto(demo.address)
    page.click("[value=code]")
    page.fill("[name=code]", code)
    page.click("[value=open]")


def press(page: Page, selector: str) -> None:
    """Press a button or follow a link, and wait for the page that answers."""
    with page.expect_navigation():
        page.locator(selector).first.click()


def link(page: Page) -> None:
    """Link the open report to the incident of the act that is reviewed; without a name no case is suggested, so it is chosen."""
    page.click("summary:has-text('Another case')")
    page.select_option("[name=other_case]", value=page.locator("[name=other_case] option", has_text=CASE).get_attribute("value"))
    press(page, "button:text-is('Compare')")
    if page.locator("main.door").count():
        press(page, "main .go")
    page.locator("label", has_text="I07").click()
    page.select_option("[name=type]", "supports")
    page.select_option("[name=certainty]", "likely")
    press(page, "text=Link and accept")


def show_case(page: Page, demo: Demo) -> str:
    """Open the case; return its address."""
    page.goto(f"{demo.address}/desk/cases")
    press(page, f"tr:has-text('{CASE}') button")
    return page.url


def propose(page: Page, demo: Demo, act: str) -> str:
    """Take an act, fill in the assessment, sign; return its address."""
    show_case(page, demo)
    press(page, f"a:text-is('{act}')")
    press(page, "text=Take this act")
    rows = [str(field.get_attribute("name")).removesuffix("cites") for field in page.locator("[name$=-cites]").all()]
    for row, (who, how, origin, access, interest) in zip(
        [row for row in rows if page.input_value(f"[name={row}cites]")], STATEMENTS, strict=False
    ):
        page.locator(f"details:has([name={row}who])").evaluate("row => { row.open = true }")
        for name, value in (("who", who), ("how", how), ("origin", origin)):
            page.fill(f"[name={row}{name}]", value)
        for name, value in (("access", access), ("interest", interest), ("reliability", "C"), ("credibility", "3")):
            page.select_option(f"[name={row}{name}]", value)
        page.check(f"[name={row}consistent]")
    for name, value in ANSWERS.items():
        page.check(f"[name={name}][value={value}]")
    for name, value in LINES.items():
        page.fill(f"[name={name}]", value)
    page.select_option("[name=standard]", "reasonable_suspicion")
    press(page, "text=Sign and propose")
    return page.url


def enter(page: Page, address: str) -> None:
    """Go to the page of a finding; open its case if it is not open."""
    page.goto(address)
    if page.locator("main.door").count():
        press(page, "main .go")


def ask_for_review(page: Page, address: str) -> None:
    """Ask Timur, as the lead."""
    enter(page, address)
    page.select_option("[name=reviewer]", label="Timur")
    press(page, "text=Ask for the review")


def invite(admin: Page, newcomer: Page, demo: Demo) -> None:
    """Invite somebody, who draws their keys: a lead can grant."""
    admin.goto(f"{demo.address}/desk/members")
    admin.fill("[name=name]", "Marta")
    admin.select_option("[name=role]", "caseworker")
    press(admin, "form[action$=invitations] button")
    newcomer.goto(f"{demo.address}/desk/join")
    newcomer.fill("[name=code]", admin.locator("[role=status] code").first.inner_text())
    press(newcomer, ".go")
    passphrase, secret = newcomer.locator("main code").all_inner_texts()
    newcomer.fill("[name=passphrase]", passphrase)
    newcomer.fill("[name=second]", pyotp.TOTP(secret.replace(" ", "")).now())
    press(newcomer, ".go")


def take(browser: Browser, demo: Demo) -> None:
    """Walk the demonstration and take every picture."""
    source = browser.new_context(java_script_enabled=False).new_page()
    code = write_report(source, demo)

    nigora = browser.new_context().new_page()
    nigora.goto(f"{demo.address}/desk/")
    shoot(nigora, "sign-in")
    nigora = sign_in(browser, demo, "Nigora")
    open_ours(nigora, demo)
    describe(nigora, GIST, SUMMARY)
    nigora.fill("[name=message]", QUESTION)
    nigora.click("text=Hand over for release")

    ruth = sign_in(browser, demo, "Ruth")
    ruth.goto(f"{demo.address}/desk/messages")
    ruth.click("button:text-is('Release')")

    open_mailbox(source, demo, code)
    shoot(source, "mailbox")
    source.fill("[name=text]", ANSWER)
    source.click("[value=add]")

    timur = sign_in(browser, demo, "Timur")
    for language, gist in GISTS.items():
        open_row(timur, demo, language)
        describe(timur, gist)

    nigora.goto(f"{demo.address}/desk/queue")
    shoot(nigora, "queue")
    open_row(nigora, demo, GIST)
    if not is_ours(nigora):
        raise SystemExit("pictures: another report has this gist")
    shoot(nigora, "report")

    link(nigora)
    confirmed, reviewed = propose(nigora, demo, CONFIRMED), propose(nigora, demo, REVIEWED)
    for address in (confirmed, reviewed):
        ask_for_review(ruth, address)
    enter(timur, confirmed)
    timur.check("[name=read]")
    press(timur, "text=Sign and confirm")
    enter(timur, reviewed)
    shoot_without_names(timur, "finding")
    timur.goto(show_case(timur, demo))
    shoot_without_names(timur, "case")
    timur.goto(f"{demo.address}/desk/findings")
    shoot(timur, "findings", limit=LIST_HEIGHT)

    invite(sign_in(browser, demo, "Jonas"), browser.new_context().new_page(), demo)
    ruth.goto(f"{demo.address}/desk/members")
    shoot(ruth, "members")

    edda = sign_in(browser, demo, "Edda", "/audit/")
    shoot(edda, "audit-log", limit=LIST_HEIGHT)
    edda.goto(f"{demo.address}/audit/cases")
    press(edda, f"text={CASE}")
    shoot(edda, "audit-case")


def main() -> None:
    """Take the pictures; say how large they are."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("pictures: Chromium is missing; Debian and Ubuntu: apt-get install chromium")
    IMAGES.mkdir(exist_ok=True)
    with run_demo() as demo, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=list(FLAGS))
        take(browser, demo)
        browser.close()
    taken = sorted(IMAGES.glob("*.png"))
    size = sum(path.stat().st_size for path in taken)
    print(f"pictures: {len(taken)} in {IMAGES.relative_to(ROOT)}, {size // 1024} KiB")
    if size > MAX_BYTES:
        raise SystemExit(f"pictures: more than {MAX_BYTES // 2**20} MiB together")


if __name__ == "__main__":
    main()
