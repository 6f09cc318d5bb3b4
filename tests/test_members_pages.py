"""The members page and the newcomer's page: what each role is offered, and that no click, reload or mistake loses anybody."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.members.passphrase import code_at
from app.store.keys import Invitation, ManifestDraft, ManifestRow, MemberSession
from app.store.keys import Member as Account
from app.vault import manifest
from app.vault.manifest import ManifestMember
from tests.conftest import Browser, Instance, Member, Source, Template, copy_of, found_template
from tests.stores import Store

PEOPLE = (("admin", "Jonas"), ("lead", "Ruth"), ("lead", "Omid"), ("caseworker", "Nigora"), ("protection", "Salome"), ("auditor", "Edda"))
CODES = re.compile(r"<code[^>]*>([^<]+)</code>")


@pytest.fixture(scope="session")
def pair_template(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Two leads."""
    return found_template(store, tmp_path_factory.mktemp("pair"), PEOPLE)


@pytest.fixture
def pair(pair_template: Template, tmp_path: Path) -> Iterator[Instance]:
    """An instance with two leads."""
    with copy_of(pair_template, tmp_path) as made:
        yield made


def member(app: Flask, instance: Instance, name: str, page: str = "/desk/members") -> Member:
    """Sign somebody in and go to a page."""
    made = Member(app, instance, name)
    made.sign_in()
    made.get(page)
    return made


def invite(jonas: Member, name: str = "Marta", role: str = "caseworker") -> str:
    """Fill in the form; return the code that the page shows."""
    jonas.get("/desk/members")
    jonas.press("/invitations", name=name, role=role)
    assert jonas.page.status_code == 201, jonas.page.text
    code, _ = CODES.findall(jonas.page.text)
    return str(code)


class Newcomer(Browser):
    """Somebody with a code, at the page where keys are drawn."""

    def __init__(self, app: Flask, instance: Instance, code: str) -> None:
        super().__init__(app)
        self.instance, self.code = instance, code
        self.passphrase, self.totp, self.words = "", b"", ""

    def draw(self) -> None:
        """Type the code, and write down what is shown."""
        self.get("/desk/join")
        self.press("/desk/join", code=self.code)
        assert self.page.status_code == 200, self.page.text
        self.passphrase, totp = CODES.findall(self.page.text)
        self.totp = base64.b32decode(totp.replace(" ", ""))

    def second(self) -> str:
        self.instance.clock.forward(seconds=30)
        return code_at(self.totp, self.instance.clock.now)

    def show(self, **typed: str) -> int:
        """Type both again; return the status of the answer, and write the words down."""
        self.press("/desk/join", **{"passphrase": self.passphrase, "second": self.second(), **typed})
        self.words = " ".join(re.findall(r"<li>\d\. (\w+)</li>", self.page.text))
        return self.page.status_code

    def sign_in(self, name: str = "Marta") -> int:
        self.get("/desk/")
        self.press("/desk/", name=name, passphrase=self.passphrase, code=self.second())
        return self.page.status_code


def count(instance: Instance, table: type) -> int:
    with instance.database().read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def assert_sound(page: str) -> None:
    """One primary button at most, nothing active, every field has a label."""
    main = page[page.index("<main") : page.index("</main>")]
    assert main.count('class="go"') <= 1
    assert "style=" not in main
    assert "<script" not in main
    ids = re.findall(r'\bid="([^"]+)"', main)
    assert len(ids) == len(set(ids))
    labelled = set(re.findall(r'<label[^>]* for="([^"]+)"', main))
    fields = re.findall(r"<(?:input|select|textarea)(?![^>]*type=\"hidden\")[^>]*>", main)
    assert all(re.search(r'\bid="([^"]+)"', field)[1] in labelled for field in fields)  # type: ignore[index]
    described = {name for names in re.findall(r'aria-(?:describedby|labelledby)="([^"]+)"', main) for name in names.split()}
    assert described <= set(ids)


def test_from_invitation_to_the_queue(app: Flask, instance: Instance) -> None:
    """Jonas invites, Marta draws her keys, Ruth hears eight words and grants, Marta works."""
    Source(app).write("A report.")
    jonas, ruth = member(app, instance, "Jonas"), member(app, instance, "Ruth")
    marta = Newcomer(app, instance, invite(jonas))
    assert ">localhost/desk/join<" in jonas.page.text
    assert_sound(jonas.page.text)
    assert marta.code not in jonas.get("/desk/members").text  # shown once
    marta.draw()
    assert_sound(marta.page.text)
    assert marta.show() == 200
    assert len(marta.words.split()) == 8
    assert_sound(marta.page.text)
    assert marta.sign_in() == 422

    ruth.get("/desk/members")
    words = marta.words.split()
    assert not any(" ".join(words[at : at + 2]) in ruth.page.text for at in range(7))  # she cannot copy what she must hear
    assert_sound(ruth.page.text)
    ruth.press("/grant", words=marta.words)
    assert ruth.page.request.path == "/desk/members"
    assert count(instance, Invitation) == 0

    assert marta.sign_in() == 200
    assert marta.page.request.path == "/desk/queue"
    assert "Marta" in ruth.page.text
    assert_sound(ruth.page.text)


def test_a_page_loaded_again_or_clicked_twice_loses_nobody(app: Flask, instance: Instance) -> None:
    """New keys are drawn each time until the newcomer shows that they have them; afterwards the same click answers the same."""
    marta = Newcomer(app, instance, invite(member(app, instance, "Jonas")))
    marta.draw()
    first = marta.passphrase
    marta.draw()
    assert marta.passphrase != first
    assert count(instance, Account) == 6

    form, typed = marta.form("/desk/join"), {"passphrase": marta.passphrase, "second": marta.second()}
    pages = [marta.post(form.action, form.data(None, **typed)).text for _ in range(2)]
    assert pages[0] == pages[1]
    assert "Read these eight words to a lead" in pages[0]
    instance.clock.forward(minutes=10)
    assert marta.post(form.action, form.data(None, **typed)).text == pages[0]
    assert count(instance, Account) == 7

    stranger = Newcomer(app, instance, marta.code)
    stranger.get("/desk/join")
    stranger.press("/desk/join", code=marta.code)
    assert stranger.page.status_code == 422
    assert "Somebody has joined with this code" in stranger.page.text
    words = re.findall(r"<li>\d\. (\w+)</li>", pages[0])
    assert not any(" ".join(words[at : at + 2]) in stranger.page.text for at in range(7))


@pytest.mark.parametrize("typed", [{"passphrase": "something else"}, {"second": "000000"}, {"blob": "x"}, {"salt": ""}, {"member": ""}])
def test_what_does_not_fit_can_be_typed_again(app: Flask, instance: Instance, typed: dict[str, str]) -> None:
    """The page says so, stores nothing, keeps what it carried, and offers to begin again."""
    marta = Newcomer(app, instance, invite(member(app, instance, "Jonas")))
    marta.draw()
    assert marta.show(**typed) == 422
    assert "Passphrase and code do not fit" in marta.page.text
    assert marta.passphrase not in marta.page.text
    assert_sound(marta.page.text)
    assert count(instance, Account) == 6
    if set(typed) & {"passphrase", "second"}:
        assert marta.show() == 200
        return
    again = marta.forms()[-1]
    marta.post(again.action, again.data())
    marta.passphrase, totp = CODES.findall(marta.page.text)
    marta.totp = base64.b32decode(totp.replace(" ", ""))
    assert marta.show() == 200


@pytest.mark.parametrize("code", ["", "abandon ability able about above absent absorb abstract", "123 456", "<b>x</b>"])
def test_a_guessed_code_is_refused_and_kept(app: Flask, instance: Instance, code: str) -> None:
    """In one sentence, with what was typed, and no hint which word is wrong."""
    invite(member(app, instance, "Jonas"))
    browser = Browser(app)
    browser.get("/desk/join")
    browser.press("/desk/join", code=code)
    assert browser.page.status_code == 422
    assert "No invitation has this code" in browser.page.text
    assert browser.form("/desk/join").value("code") == code
    assert "<b>x</b>" not in browser.page.text


def test_an_old_invitation_says_so(app: Flask, instance: Instance) -> None:
    """To the newcomer, and to whoever invited."""
    jonas = member(app, instance, "Jonas")
    marta = Newcomer(app, instance, invite(jonas))
    instance.clock.forward(days=15)
    marta.get("/desk/join")
    marta.press("/desk/join", code=marta.code)
    assert "older than 14 days" in marta.page.text
    jonas.sign_in()
    assert "too old" in jonas.get("/desk/members").text
    jonas.press("/withdraw")
    assert count(instance, Invitation) == 0


def test_other_words_change_nothing_and_stay_in_the_field(app: Flask, instance: Instance) -> None:
    """The lead can look again at what they typed."""
    marta = Newcomer(app, instance, invite(member(app, instance, "Jonas")))
    marta.draw()
    marta.show()
    ruth = member(app, instance, "Ruth")
    ruth.press("/grant", words="these are not the words of the keys")
    assert ruth.page.status_code == 422
    assert "These are not the words" in ruth.page.text
    assert ruth.form("/grant").value("words") == "these are not the words of the keys"
    assert count(instance, ManifestRow) == 1
    assert_sound(ruth.page.text)
    ruth.press("/grant", words=marta.words)
    assert count(instance, ManifestRow) == 2


def test_who_invited_is_told_that_another_grants(app: Flask, instance: Instance) -> None:
    """No form is offered, and one that is sent all the same is refused in words."""
    ruth = member(app, instance, "Ruth")
    assert "Let an administrator invite" in ruth.page.text
    marta = Newcomer(app, instance, invite(ruth))
    marta.draw()
    marta.show()
    ruth.get("/desk/members")
    assert "Another lead grants" in ruth.page.text
    assert not [form for form in ruth.forms() if form.action.endswith("/grant")]
    withdraw = ruth.form("/withdraw")
    ruth.post(withdraw.action.replace("/withdraw", "/grant"), {**withdraw.data(), "words": marta.words})
    assert ruth.page.status_code == 403
    assert "You invited this person" in ruth.page.text
    assert count(instance, ManifestRow) == 1


@pytest.mark.parametrize(("name", "role"), [("", "lead"), ("x" * 41, "lead"), ("Petra", ""), ("Petra", "owner")])
def test_a_form_that_does_not_fit_comes_back(app: Flask, instance: Instance, name: str, role: str) -> None:
    """With what was typed, and without an invitation."""
    jonas = member(app, instance, "Jonas")
    jonas.press("/invitations", name=name, role=role)
    assert jonas.page.status_code == 422
    assert jonas.form("/invitations").value("name") == name
    assert count(instance, Invitation) == 0


def test_a_second_click_invites_once(app: Flask, instance: Instance) -> None:
    """The second answer has no code, and says what to do."""
    jonas = member(app, instance, "Jonas")
    form = jonas.form("/invitations")
    for _ in range(2):
        jonas.post(form.action, form.data(None, name="<i>Marta</i>", role="caseworker"))
    assert jonas.page.status_code == 409
    assert "withdraw it and invite again" in jonas.page.text
    assert "<i>Marta" not in jonas.page.text
    assert count(instance, Invitation) == 1
    jonas.press("/withdraw")
    assert invite(jonas)


ACTIONS = {
    "Jonas": {"invitations", "withdraw"},
    "Ruth": {"invitations", "withdraw", "grant", "removals"},
    "Nigora": set(),
    "Salome": set(),
}


@pytest.mark.parametrize("name", ACTIONS)
def test_each_role_is_offered_what_it_may(app: Flask, instance: Instance, name: str) -> None:
    """Everybody at the desk sees who works here; the forms are for those who may use them."""
    jonas = member(app, instance, "Jonas")
    marta = Newcomer(app, instance, invite(jonas))
    marta.draw()
    marta.show()
    somebody = jonas if name == "Jonas" else member(app, instance, name)
    somebody.get("/desk/members")
    assert somebody.page.status_code == 200
    assert all(each in somebody.page.text for each in instance.members)
    assert {form.action.rsplit("/", 1)[1] for form in somebody.forms() if "/members" in form.action} == ACTIONS[name]
    assert_sound(somebody.page.text)


def test_an_auditor_has_no_such_page(app: Flask, instance: Instance) -> None:
    """They look from outside."""
    edda = Member(app, instance, "Edda", "/audit/")
    edda.sign_in()
    assert edda.get("/desk/members").status_code == 403


def test_removing_needs_a_tick(app: Flask, instance: Instance) -> None:
    """Without it, or without a name, the page comes back as it was filled in."""
    ruth, timur = member(app, instance, "Ruth"), instance.members["Timur"].id
    for typed in ({"member": timur}, {"member": "", "sure": "1"}):
        ruth.get("/desk/members")
        ruth.press("/removals", **typed)
        assert ruth.page.status_code == 422
        assert "Choose a member, and tick the box" in ruth.page.text
        assert ruth.form("/removals").value("member") == typed["member"]
    assert count(instance, ManifestRow) == 1
    ruth.press("/removals", member=instance.members["Ruth"].id, sure="1")
    assert ruth.page.status_code == 403
    assert "Nobody removes themself" in ruth.page.text


def test_a_removed_member_is_out_at_the_next_click(app: Flask, instance: Instance) -> None:
    """The page says that the session is over, and gives back what was typed; signing in again is refused. Two clicks remove once."""
    Source(app).write("A report.")
    timur = member(app, instance, "Timur", "/desk/queue")
    timur.open_first()
    ruth = member(app, instance, "Ruth")
    form = ruth.form("/removals")
    typed = form.data(None, member=instance.members["Timur"].id, sure="1")
    assert ruth.post(form.action, typed).request.path == "/desk/members"
    assert ruth.post(form.action, typed).status_code == 409

    timur.press("/notes", note="A note that Timur had typed.")
    assert timur.page.status_code == 401
    assert "A note that Timur had typed." in timur.page.text
    assert timur.get("/desk/queue").status_code == 401
    timur.get("/desk/")
    assert timur.sign_in().status_code == 422
    with instance.database().read() as session:
        assert session.scalars(select(MemberSession.member_id)).all() == [instance.members["Ruth"].id]
    ruth.get("/desk/members")
    assert "Timur" not in ruth.page.text


def test_what_a_colleague_types_outlives_a_change(app: Flask, instance: Instance) -> None:
    """Somebody is granted and somebody removed while Nigora writes; her page and its form still work."""
    Source(app).write("A report.", reply="yes")
    marta = Newcomer(app, instance, invite(member(app, instance, "Jonas")))
    marta.draw()
    marta.show()
    nigora = member(app, instance, "Nigora", "/desk/queue")
    nigora.open_first()
    nigora.press("/claim")
    ruth = member(app, instance, "Ruth")
    ruth.press("/grant", words=marta.words)
    nigora.press("/notes", note="Typed while Marta was granted.")
    assert nigora.page.status_code == 200
    ruth.press("/removals", member=instance.members["Timur"].id, sure="1")
    nigora.press("/description", gist="Typed while Timur was removed.", summary="", translation="")
    assert nigora.page.status_code == 200
    assert "Typed while Marta was granted." in nigora.page.text
    assert "Typed while Timur was removed." in nigora.page.text


def test_only_sessions_end(app: Flask, instance: Instance) -> None:
    """The other button of the form signs somebody out, and no more."""
    timur, ruth = member(app, instance, "Timur"), member(app, instance, "Ruth")
    ruth.press("/members/sessions", member=instance.members["Timur"].id)
    assert ruth.page.request.path == "/desk/members"
    assert timur.get("/desk/members").status_code == 401
    assert timur.sign_in().status_code == 200
    ruth.press("/members/sessions", member="")
    assert ruth.page.status_code == 422


def test_two_leads_on_their_pages(pair: Instance) -> None:
    """The first signature waits, in words; the second lead hears the words as well. Nobody else is offered a signature."""
    app = pair.app()
    marta = Newcomer(app, pair, invite(member(app, pair, "Jonas")))
    marta.draw()
    marta.show()
    ruth, omid, nigora = (member(app, pair, name) for name in ("Ruth", "Omid", "Nigora"))
    ruth.press("/grant", words=marta.words)
    for each in (ruth, omid, nigora):
        each.get("/desk/members")
        assert "Give Marta the role caseworker" in each.page.text
        assert bool([form for form in each.forms() if form.action.endswith("/draft/sign")]) is (each is omid)
        assert not [form for form in each.forms() if form.action.endswith("/grant")]
        assert_sound(each.page.text)
    omid.press("/draft/sign", words="other words")
    assert omid.page.status_code == 422
    assert omid.form("/draft/sign").value("words") == "other words"
    omid.press("/draft/sign", words=marta.words)
    assert "Waiting for a second hand" not in omid.page.text
    assert marta.sign_in() == 200


def test_a_removal_waits_for_any_hand_that_stays(pair: Instance) -> None:
    """The lead who is removed is out at once; a caseworker signs as the second, and nobody signs something else than was shown."""
    app = pair.app()
    omid, ruth, nigora = (member(app, pair, name) for name in ("Omid", "Ruth", "Nigora"))
    ruth.press("/removals", member=pair.members["Omid"].id, sure="1")
    assert "Remove Omid" in ruth.page.text
    assert "suspended" in ruth.page.text
    assert omid.get("/desk/members").status_code == 401
    assert omid.sign_in().status_code == 422
    nigora.get("/desk/members")
    assert "Jonas, Nigora, Salome" in nigora.page.text
    assert_sound(nigora.page.text)
    shown = nigora.form("/draft/sign")

    ruth.press("/draft/withdraw")
    ruth.press("/removals", member=pair.members["Salome"].id, sure="1")
    assert nigora.post(shown.action, shown.data()).status_code == 409
    assert count(pair, ManifestRow) == 1

    nigora.get("/desk/members")
    nigora.press("/draft/sign")
    assert nigora.page.request.path == "/desk/members"
    assert "Salome" not in nigora.page.text
    assert "a protection officer is missing" in nigora.page.text
    assert omid.sign_in().status_code == 200


def test_taking_a_removal_back_is_asked_and_agreed(pair: Instance) -> None:
    """One lead asks, the page says so, the other agrees."""
    app = pair.app()
    ruth, omid = member(app, pair, "Ruth"), member(app, pair, "Omid")
    ruth.press("/removals", member=pair.members["Nigora"].id, sure="1")
    ruth.press("/draft/withdraw")
    assert "Ruth wants to take this back" in ruth.page.text
    assert not [form for form in ruth.forms() if form.action.endswith("/draft/withdraw")]
    omid.get("/desk/members")
    omid.press("/draft/withdraw")
    assert "Waiting for a second hand" not in omid.page.text
    assert member(app, pair, "Nigora").page.status_code == 200


def test_a_draft_of_another_kind_is_shown_as_a_danger(pair: Instance) -> None:
    """A lead with another program raises a colleague; the page offers no signature, and the way to take it back."""
    app = pair.app()
    actor, _ = pair.actor("Ruth")
    newest = actor.chain.newest
    members = [ManifestMember(each.id, each.roles | {"lead"}, each.kem, each.sign) for each in newest.members.values()]
    body = manifest.encode_next(newest, members=members, team=newest.team, audit=newest.audit)
    signature = actor.keys.signing.sign(manifest.signed_bytes(body))
    with pair.database().write() as session:
        session.add(ManifestDraft(id=1, body=body, signatures=manifest.encode_signatures({actor.member_id: signature}), version=1))
    omid = member(app, pair, "Omid")
    assert "Do not sign." in omid.page.text
    assert not [form for form in omid.forms() if form.action.endswith("/draft/sign")]
    omid.press("/draft/withdraw")
    assert "Do not sign." not in omid.page.text


def test_a_page_survives_a_busy_store(app: Flask, instance: Instance) -> None:
    """Nothing changed, and the same click works later."""
    ruth = member(app, instance, "Ruth")
    form = ruth.form("/removals")
    typed = form.data(None, member=instance.members["Timur"].id, sure="1")
    with instance.refusing("ledger_entry"):
        assert ruth.post(form.action, typed).status_code == 503
        assert count(instance, ManifestRow) == 1
    assert ruth.post(form.action, typed).status_code == 200
    assert count(instance, ManifestRow) == 2
