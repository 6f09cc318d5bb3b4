"""Who may do what: every route as every role, computed from the policy table; nothing is open by accident."""

from typing import Any, Final
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.routing import Rule

from app.members.policy import ALLOWED, EVERYBODY, Permission, may
from app.reports.queue import View
from app.store.database import METADATA
from app.store.keys import MemberSession
from app.store.reports import Message, Report
from app.web.gate import permission_of
from config import FACES
from tests.conftest import Browser, Instance, Member, Source

NAMES: Final = {"admin": "Jonas", "lead": "Ruth", "caseworker": "Nigora", "protection": "Salome", "auditor": "Edda"}
FROM_AN_ENUM: Final = {"view": tuple(View)}
PAGES: Final = {"intake": ("/", "/f", "/x"), "desk": ("/desk/", "/desk/queue"), "audit": ("/audit/", "/audit/log")}
ROUTES: Final = """
audit.choose_language POST /audit/language sign-in
audit.download_log POST /audit/log.csv read-ledger
audit.filter_log POST /audit/log read-ledger
audit.lock POST /audit/lock own-session
audit.show_case GET /audit/cases/<uuid:case_id> read-ledger
audit.show_cases GET /audit/cases read-ledger
audit.show_door GET /audit/ sign-in
audit.show_log GET /audit/log read-ledger
audit.show_questions GET /audit/questions read-ledger
audit.sign_in POST /audit/ sign-in
audit.style GET /audit/d.css sign-in
desk.add_act POST /desk/cases/<uuid:case_id>/acts change-cases
desk.add_incident POST /desk/cases/<uuid:case_id>/incidents change-cases
desk.add_note POST /desk/reports/<uuid:report_id>/notes triage
desk.add_person POST /desk/cases/<uuid:case_id>/people change-cases
desk.approve_finding POST /desk/cases/<uuid:case_id>/acts/<uuid:act_id>/approval lead-findings
desk.ask_question POST /desk/cases/<uuid:case_id>/questions change-cases
desk.ask_to_close POST /desk/reports/<uuid:report_id>/closing close-report
desk.assign_review POST /desk/cases/<uuid:case_id>/acts/<uuid:act_id>/reviewer lead-findings
desk.choose_language POST /desk/language sign-in
desk.claim_report POST /desk/reports/<uuid:report_id>/claim triage
desk.close_question POST /desk/cases/<uuid:case_id>/questions/close change-cases
desk.close_report POST /desk/reports/<uuid:report_id>/close close-report
desk.compare_case POST /desk/reports/<uuid:report_id>/compare/<uuid:case_id> link
desk.compare_other_case POST /desk/reports/<uuid:report_id>/compare link
desk.confirm_finding POST /desk/cases/<uuid:case_id>/acts/<uuid:act_id>/confirmation review
desk.create_case POST /desk/cases change-cases
desk.describe_report POST /desk/reports/<uuid:report_id>/description triage
desk.dispute_finding POST /desk/cases/<uuid:case_id>/acts/<uuid:act_id>/dispute assess
desk.end_sessions POST /desk/members/sessions remove
desk.grant_member POST /desk/members/invitations/<uuid:invitation_id>/grant grant
desk.hand_message POST /desk/reports/<uuid:report_id>/messages write-to-source
desk.invite_member POST /desk/members/invitations invite
desk.join POST /desk/join sign-in
desk.keep_report POST /desk/reports/<uuid:report_id>/keep close-report
desk.leave_report POST /desk/reports/<uuid:report_id>/leave triage
desk.link_new_case POST /desk/reports/<uuid:report_id>/newcase link
desk.link_report POST /desk/reports/<uuid:report_id>/link/<uuid:case_id> link
desk.lock POST /desk/lock own-session
desk.look POST /desk/queue view-queue
desk.look_cases POST /desk/cases/look view-cases
desk.look_findings POST /desk/findings/look view-findings
desk.mark_duplicate POST /desk/reports/<uuid:report_id>/duplicate close-report
desk.move_case POST /desk/cases/<uuid:case_id>/state change-cases
desk.move_report POST /desk/reports/<uuid:report_id>/state triage
desk.open_approval POST /desk/approvals/<uuid:finding_id>/open sign-protection
desk.open_case POST /desk/cases/<uuid:case_id>/open view-cases
desk.open_finding POST /desk/cases/<uuid:case_id>/acts/<uuid:act_id>/open view-findings
desk.open_next POST /desk/queue/next open-report
desk.open_report POST /desk/reports/<uuid:report_id>/open open-report
desk.propose_finding POST /desk/cases/<uuid:case_id>/acts/<uuid:act_id>/proposal assess
desk.refuse_suggestion POST /desk/reports/<uuid:report_id>/refuse/<uuid:case_id> link
desk.release_message POST /desk/messages/<uuid:message_id>/release release
desk.remove_member POST /desk/members/removals remove
desk.reopen_finding POST /desk/cases/<uuid:case_id>/acts/<uuid:act_id>/reopening lead-findings
desk.reopen_report POST /desk/reports/<uuid:report_id>/reopen reopen-report
desk.return_finding POST /desk/cases/<uuid:case_id>/acts/<uuid:act_id>/return review
desk.return_message POST /desk/messages/<uuid:message_id>/return release
desk.save_assessment POST /desk/cases/<uuid:case_id>/acts/<uuid:act_id>/assessment assess
desk.set_priority POST /desk/cases/<uuid:case_id>/priority change-cases
desk.settle_dispute POST /desk/cases/<uuid:case_id>/acts/<uuid:act_id>/settlement lead-findings
desk.show_approval GET /desk/approvals/<uuid:finding_id> sign-protection
desk.show_approvals GET /desk/approvals sign-protection
desk.show_case GET /desk/cases/<uuid:case_id> view-cases
desk.show_cases GET /desk/cases view-cases
desk.show_door GET /desk/ sign-in
desk.show_finding GET /desk/cases/<uuid:case_id>/acts/<uuid:act_id> view-findings
desk.show_findings GET /desk/findings view-findings
desk.show_join GET /desk/join sign-in
desk.show_link GET /desk/reports/<uuid:report_id>/link/<uuid:case_id> link
desk.show_members GET /desk/members view-members
desk.show_messages GET /desk/messages release
desk.show_queue GET /desk/queue view-queue
desk.show_report GET /desk/reports/<uuid:report_id> open-report
desk.show_view GET /desk/queue/<view> view-queue
desk.show_view GET /desk/queue/<view>/<int:page> view-queue
desk.sign_approval POST /desk/approvals/<uuid:finding_id> sign-protection
desk.sign_draft POST /desk/members/draft/sign view-members
desk.sign_in POST /desk/ sign-in
desk.style GET /desk/d.css sign-in
desk.take_act POST /desk/cases/<uuid:case_id>/acts/<uuid:act_id>/take assess
desk.tell_apart POST /desk/cases/<uuid:case_id>/distinct change-cases
desk.unlink_report POST /desk/reports/<uuid:report_id>/unlink/<uuid:incident_id> link
desk.withdraw_draft POST /desk/members/draft/withdraw grant
desk.withdraw_invitation POST /desk/members/invitations/<uuid:invitation_id>/withdraw invite
desk.withdraw_report POST /desk/reports/<uuid:report_id>/withdraw close-report
intake.begin_again GET /f public
intake.change_language POST / public
intake.icon GET /favicon.ico public
intake.leave GET /x public
intake.show_landing GET / public
intake.style GET /f.css public
intake.take_form POST /f public
ready GET /-/ready sign-in
"""


def methods_of(rule: Rule) -> set[str]:
    """Return the methods that a view itself answers."""
    return set(rule.methods or ()) - {"HEAD", "OPTIONS"}


def rules_of(app: Flask) -> list[Rule]:
    """Return the routes, sign-in and lock last: they end a session."""
    return sorted(app.url_map.iter_rules(), key=lambda rule: (rule.endpoint.endswith((".sign_in", ".lock")), rule.endpoint))


def fill(rule: Rule, ids: dict[str, UUID]) -> str:
    """Return an address of a route."""
    url = rule.rule
    for name in rule.arguments:
        url = url.replace(f"<uuid:{name}>", str(ids.get(name, UUID(int=7)))).replace(f"<int:{name}>", "1").replace(f"<{name}>", "open")
    return url


def csrf_of(member: Browser) -> str:
    """Return the form secret of a member's session, from any page that has one."""
    member.get("/desk/none")
    return next((form.value("csrf") for form in member.forms() if form.value("csrf")), "")


def test_routes_are_these(app: Flask) -> None:
    """A new route shows up here, with the permission it names."""
    found = [
        f"{rule.endpoint} {' '.join(sorted(methods_of(rule)))} {rule.rule} {permission_of(app, rule.endpoint)}"
        for rule in app.url_map.iter_rules()
    ]

    assert sorted(found) == ROUTES.strip().splitlines()


def test_every_view_names_a_permission(app: Flask) -> None:
    """No view relies on the default, which is to refuse."""
    assert [endpoint for endpoint in app.view_functions if permission_of(app, endpoint) is None] == []


def test_every_permission_is_granted_to_somebody_or_everybody() -> None:
    """The table has a line for each permission, and none for what everybody may."""
    assert set(ALLOWED) | EVERYBODY == set(Permission)
    assert not set(ALLOWED) & EVERYBODY


def test_a_view_answers_get_or_post(app: Flask) -> None:
    """Reading and changing are two functions."""
    assert [rule.endpoint for rule in app.url_map.iter_rules() if len(methods_of(rule)) != 1] == []


def test_address_parameters_are_typed(app: Flask) -> None:
    """A parameter is a uuid, the number of a page, or one of a fixed list that the next test knocks at."""
    for rule in app.url_map.iter_rules():
        for name in rule.arguments:
            assert f"<uuid:{name}>" in rule.rule or rule.rule.endswith("/<int:page>") or name in FROM_AN_ENUM, rule.rule


def test_addresses_are_lower_case(app: Flask) -> None:
    """One way to write an address: lower case, hyphens between words."""
    fixed = [part for rule in app.url_map.iter_rules() for part in rule.rule.split("/") if not part.startswith("<")]
    assert [part for part in fixed if part != part.lower() or "_" in part] == []


def test_only_known_views_of_the_queue_exist(nigora: Member) -> None:
    """Each value of the list has a page; any other text has none."""
    nigora.sign_in()

    assert [nigora.get(f"/desk/queue/{view}").status_code for view in View] == [200] * len(View)
    assert [nigora.get(f"/desk/queue/{text}").status_code for text in ("x", "OPEN", "open%20", "%D1%8F")] == [404] * 4


@pytest.mark.parametrize("role", [*NAMES, None])
def test_every_route_answers_each_role_as_the_table_says(app: Flask, instance: Instance, role: str | None) -> None:
    """401 without a session, 403 without the permission; else anything but these two."""
    Source(app).write("A report.", reply="yes")
    browser = Browser(app)
    if role is not None:
        browser = Member(app, instance, NAMES[role])
        browser.sign_in()
    csrf = csrf_of(browser)

    for rule in rules_of(app):
        if rule.endpoint == "audit.lock":
            continue  # one lock ends the session; desk.lock is tried, and audit.lock below
        permission = permission_of(app, rule.endpoint)
        (method,) = methods_of(rule)
        answer = browser.client.open(fill(rule, {}), method=method, data={"csrf": csrf, "to": "urgent"}, buffered=True)
        expected = expected_of(permission, role)
        assert (answer.status_code if answer.status_code in (401, 403) else 200) == expected, f"{rule} as {role}"


def expected_of(permission: Permission | None, role: str | None) -> int:
    """Return 200 for any answer that is no refusal of the gate."""
    assert permission is not None
    if permission in EVERYBODY:
        return 200
    if role is None:
        return 401
    return 200 if may(frozenset({role}), permission) else 403


def test_lock_of_the_audit_ends_the_session(app: Flask, instance: Instance) -> None:
    """After it the same cookie opens nothing."""
    edda = Member(app, instance, "Edda", "/audit/")
    edda.sign_in()
    cookie = edda.client.get_cookie("__Host-s")
    assert cookie is not None
    assert edda.page.request.path == "/audit/log"

    assert edda.client.post("/audit/lock", data={"csrf": edda.form("/lock").value("csrf")}).status_code == 303

    edda.client.set_cookie("__Host-s", cookie.value)
    assert edda.get("/audit/log").status_code == 401


@pytest.mark.parametrize("path", ["/desk/queue", "/desk/messages", "/audit/log", "/desk/reports/" + str(UUID(int=7))])
def test_signed_out_is_shown_the_door(app: Flask, path: str) -> None:
    """Without a session every page is the sign-in form."""
    browser = Browser(app)

    assert browser.get(path).status_code == 401
    assert 'name="passphrase"' in browser.page.text


def test_post_without_form_secret_is_refused_everywhere(app: Flask, instance: Instance) -> None:
    """Every POST of a signed-in member needs it, but for the door's own, whose page may be older than the session."""
    member = Member(app, instance, "Ruth")
    member.sign_in()

    for rule in rules_of(app):
        if "POST" in methods_of(rule) and permission_of(app, rule.endpoint) not in EVERYBODY:
            assert member.client.post(fill(rule, {}), data={"to": "urgent"}).status_code == 403, rule.rule


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_post_from_another_site_is_refused_everywhere(app: Flask, site: str) -> None:
    """Every route, the door and the public form included."""
    client = app.test_client()

    for rule in rules_of(app):
        if "POST" in methods_of(rule):
            answer = client.post(fill(rule, {}), headers={"Sec-Fetch-Site": site})
            assert answer.status_code == 403, rule.rule


@pytest.mark.parametrize("face", FACES)
def test_a_process_has_the_routes_of_its_face_only(instance: Instance, face: str) -> None:
    """The intake knows no desk and no log; the desk no form; the audit neither."""
    app = instance.app(face)

    assert {rule.endpoint.split(".")[0] for rule in app.url_map.iter_rules()} - {"ready"} == {face}
    assert set(app.blueprints) == {face}


@pytest.mark.parametrize(("face", "path"), [(face, path) for face in FACES for other in FACES if other != face for path in PAGES[other]])
def test_another_face_is_simply_not_there(instance: Instance, face: str, path: str) -> None:
    """What belongs to another process is an ordinary page that does not exist."""
    assert instance.app(face).test_client().get(path).status_code == 404


def test_faces_share_no_route(instance: Instance) -> None:
    """Each address belongs to one face; only whether a process is ready is asked alike."""
    rules = [
        {(rule.rule, *methods_of(rule)) for rule in instance.app(face).url_map.iter_rules() if rule.endpoint != "ready"} for face in FACES
    ]

    assert sum(map(len, rules)) == len(set().union(*rules))


def dump(instance: Instance) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table; of a session all but its last minute."""
    found = {}
    with instance.databases[0].engine.connect() as connection:
        for table in METADATA.sorted_tables:
            columns = [column for column in table.columns if (table.name, column.name) != ("member_session", "seen")]
            found[table.name] = sorted((tuple(row) for row in connection.execute(select(*columns))), key=repr)
    return found


@pytest.mark.parametrize("role", [*NAMES, None])
def test_get_never_writes(app: Flask, instance: Instance, role: str | None) -> None:
    """A crawl over all GET routes, a minute between them, leaves every row as it was."""
    Source(app).write("A report.", reply="yes")
    nigora = Member(app, instance, "Nigora")
    nigora.sign_in()
    nigora.open_first()
    nigora.press("/claim")
    nigora.press("/messages", message="A question.")
    Source(app).write("A waiting report.")
    browser: Browser = nigora
    if role is None:
        browser = Browser(app)
    elif NAMES[role] != "Nigora":
        browser = Member(app, instance, NAMES[role])
        browser.sign_in()
    with instance.databases[0].engine.connect() as connection:
        ids = {
            "report_id": connection.execute(select(Report.id).where(Report.owner.is_not(None))).scalar_one(),
            "message_id": connection.execute(select(Message.id)).scalar_one(),
        }
        assert (connection.execute(select(MemberSession.id)).first() is not None) is True
    before = dump(instance)

    for rule in rules_of(app):
        if "GET" in methods_of(rule):
            instance.clock.forward(seconds=61)
            for method in ("GET", "HEAD"):
                assert browser.client.open(fill(rule, ids), method=method, buffered=True).status_code < 500

    assert dump(instance) == before
