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
        for again in (sent, faulty, {"go": "code", "do": "open", "code": code}, {"go": "write"}, {"to": "ru", "text": WORDS}):
            page = source.post("/f", again, base_url="https://localhost")
            assert page.request.path == "/"
            assert "They asked" not in page.text
            assert 'class="code"' not in page.text

    source.post("/f", {"go": "write"}, base_url="https://localhost")
    assert source.page.request.path == "/"
    begin = source.form("/f")
    source.post("/f", begin.data(("go", "write")), base_url="https://localhost")
    assert source.post("/f", sent, base_url="https://localhost").status_code == 201


def test_a_new_text_is_taken_even_after_leaving(source: Source) -> None:
    """A second tab with a finished text loses nothing because the first one was left."""
    source.open_form()
    form = source.form("/f")
    source.client.get("/x", base_url="https://localhost")

    page = source.post("/f", form.data(("do", "send"), text=WORDS), base_url="https://localhost")

    assert page.status_code == 201


def test_one_button_keeps_what_stands_in_the_other_boxes(source: Source, nigora: Member) -> None:
    """A note saved in the middle of a description loses nothing of it, and says that it is not saved yet."""
    source.write(WORDS, reply="yes")
    nigora.sign_in()
    nigora.open_first()
    nigora.press("/claim")

    nigora.press("/notes", note="A note.", gist="Half a gist", summary="Half a summary", message="Half a question")

    form = nigora.form("/description")
    assert [form.value(name) for name in ("gist", "summary", "message", "note")] == ["Half a gist", "Half a summary", "Half a question", ""]
    assert "not saved yet" in nigora.page.text
    assert "A note." in nigora.page.text
    nigora.press("/state", message="")
    assert nigora.form("/description").value("summary") == "Half a summary"
    nigora.press("/description")
    assert "not saved yet" not in nigora.page.text
    assert nigora.form("/description").value("gist") == "Half a gist"


def test_a_code_is_never_taken_for_a_message(source: Source) -> None:
    """Somebody who types their code into the large box is told so; nothing is sent, the code stays secret."""
    code = source.write(WORDS)
    words = " ".join(receipt.to_words(receipt.read_code(code), "en"))
    for typed in (code, words, words.upper()):
        source.open_mailbox(code)
        source.press("/f", ("do", "add"), text=typed)
        assert source.page.status_code == 422
        assert "This looks like a code. It was not sent." in source.page.text
        source.open_form()
        assert source.send(typed).status_code == 422


def test_the_receipt_obeys_the_answer_about_writing(source: Source) -> None:
    """It promises a question only to those who allowed one."""
    for reply, words in (("yes", "may be a question"), ("no", "We will not write to you"), ("unsafe", "We will not write to you")):
        source.write(f"{WORDS} {reply}", reply=reply)
        assert words in source.page.text
    source.write(WORDS)
    assert "one short line" in source.page.text


def test_an_answered_question_no_longer_waits(instance: Instance, source: Source, nigora: Member, ruth: Member) -> None:
    """The state in clear does not change when an answer comes; the desk sees it from sealed counts."""
    code = source.write(WORDS, reply="yes")
    nigora.sign_in()
    nigora.open_first()
    nigora.press("/claim")
    nigora.press("/messages", message="A question?")
    ruth.sign_in()
    ruth.get("/desk/messages")
    ruth.press("/release")
    assert "Waits for source" in nigora.get("/desk/queue").text
    source.open_mailbox(code)
    source.press("/f", ("do", "add"), text="An answer.")

    nigora.take_in_again()

    assert "Source answered" in nigora.page.text
    assert "Not yet opened" not in nigora.get("/desk/queue/waits").text
    with instance.database().read() as session:
        states = session.connection().exec_driver_sql("SELECT state FROM report ORDER BY state").scalars().all()
    assert states == ["added", "needs_information"]
