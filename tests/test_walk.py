"""The walk: an exile's words travel to a caseworker's desk and back."""

from app.vault import receipt
from tests.conftest import Instance, Member, Source

WORDS = "Two people came to the house.\n\nThey asked where he lives.\n<b>& “quotes”</b>"


def test_report_travels_and_answer_comes_back(instance: Instance, source: Source, nigora: Member, ruth: Member) -> None:
    """Send, sign in, admit, open, claim, ask, release, read, answer, see what is new."""
    code = source.write(WORDS, danger="now", reply="yes", who="his mother", kind=["THR", "ECO"])

    nigora.sign_in()
    assert "Not yet opened" in nigora.page.text
    assert "his mother" not in nigora.page.text

    nigora.open_first()
    assert "They asked where he lives." in nigora.page.text
    assert "&lt;b&gt;&amp; “quotes”&lt;/b&gt;" in nigora.page.text
    report = nigora.report_url
    nigora.press("/claim")
    assert "In triage" in nigora.page.text
    nigora.press("/description", gist="Visit at a home", summary="Two people came.", translation="")
    assert "Visit at a home" in nigora.page.text
    nigora.press("/messages", message="Was anything said about a passport?")
    assert "waits for release" in nigora.page.text
    assert source.open_mailbox(code).text.count("passport") == 0

    ruth.sign_in()
    ruth.get("/desk/messages")
    ruth.press("/release")
    assert "No message waits for release" in ruth.page.text

    source.open_mailbox(code)
    assert "Was anything said about a passport?" in source.page.text
    assert "Two people came" not in source.page.text
    source.press("/f", ("do", "add"), text="Yes, they took it.")
    assert source.page.status_code == 201
    assert "Yes, they took it." not in source.page.text

    nigora.get("/desk/queue")
    assert "1 new text is waiting" in nigora.page.text
    nigora.take_in()
    assert "1 message" in nigora.page.text
    nigora.open_first()
    assert nigora.report_url == report
    assert "New since you looked" in nigora.page.text
    assert "Yes, they took it." in nigora.page.text


def test_words_open_the_same_mailbox(source: Source) -> None:
    """Digits and words are one code; capitals, separators and a dropped tail of a word do not matter."""
    code = source.write(WORDS)
    words = receipt.to_words(receipt.read_code(code), "ru")

    typed = " - ".join(word.upper()[:5] for word in words)

    assert source.open_mailbox(typed).status_code == 200
    assert "No message yet" in source.page.text


def test_leaving_holds_until_somebody_begins_anew(source: Source) -> None:
    """After *Leave*, whatever is sent again shows nothing, however often; *Write to us* begins anew, and a new text is taken."""
    source.open_form()
    form = source.form("/f")
    sent = form.data(("do", "send"), text=WORDS)
    faulty = form.data(("do", "send"), text=WORDS, year="2o24")
    assert source.post("/f", sent).status_code == 201
    code = source.shown_code()
    source.client.get("/x", base_url="https://localhost")

    for _ in range(3):
        for again in (sent, faulty, {"go": "code", "do": "open", "code": code}, {"to": "ru", "text": WORDS}):
            page = source.post("/f", again, base_url="https://localhost")
            assert page.request.path == "/"
            assert "They asked" not in page.text
            assert 'class="code"' not in page.text

    source.get("/", base_url="https://localhost")
    source.post("/f", {"go": "write"}, base_url="https://localhost")
    assert source.post("/f", sent, base_url="https://localhost").status_code == 201


def test_a_new_text_is_taken_even_after_leaving(source: Source) -> None:
    """A second tab with a finished text loses nothing because the first one was left."""
    source.open_form()
    form = source.form("/f")
    source.client.get("/x", base_url="https://localhost")

    page = source.post("/f", form.data(("do", "send"), text=WORDS), base_url="https://localhost")

    assert page.status_code == 201
