"""Image, compose and units keep what docs/deploy.md says of them; that they run is shown by deploy/container/try.py, which needs root."""

import base64
import hashlib
import json
import re
import shlex
import signal
import socketserver
import subprocess
import sys
import threading
from configparser import ConfigParser
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

ROOT: Final = Path(__file__).parents[1]
DOCKERFILE: Final = (ROOT / "Dockerfile").read_text("utf-8")
TOR: Final = (ROOT / "deploy" / "tor" / "Dockerfile").read_text("utf-8")
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
FACES: Final = ("intake", "desk", "audit")
COMMANDS: Final = ("migrate", "operator", "publisher", "sweep")
REGISTRIES: Final = ("pypi.org", "pythonhosted.org", "docker.io", "ghcr.io", "quay.io", "npmjs.org", "deb.debian.org", "crates.io")
READY: Final = ROOT / "deploy" / "container" / "ready.py"
EVERY: Final = ROOT / "deploy" / "container" / "every.py"
UNITS: Final = sorted((ROOT / "deploy" / "systemd").glob("*.service"))


@pytest.mark.parametrize("text", [DOCKERFILE, TOR], ids=["paivand", "tor"])
def test_image_ends_as_nobody_in_particular(text: str) -> None:
    """The last user is a number that is not root's, and no setuid file is left."""
    users = re.findall(r"^USER (\d+):(\d+)$", text, re.MULTILINE)

    assert users
    assert int(users[-1][0]) >= 10000
    assert int(users[-1][1]) >= 10000
    assert "find / -xdev -type f -perm /6000 -exec chmod a-s {} +" in text


def test_image_is_built_from_pinned_wheels() -> None:
    """Hashes, wheels only, nothing from an address, and a base that the builder chooses."""
    assert DOCKERFILE.count("ARG BASE_IMAGE=") == 1
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${BASE_IMAGE}", "scratch"}
    assert "--require-hashes --only-binary :all: -r requirements/app.txt" in DOCKERFILE
    assert not re.search(r"https?://|^ADD |curl|wget|index-url", DOCKERFILE, re.MULTILINE)
    assert "pip uninstall -q -y pip setuptools" in DOCKERFILE
    assert "HEALTHCHECK" not in DOCKERFILE  # a visitor must not learn the state of the intake
    assert "STOPSIGNAL SIGTERM" in DOCKERFILE


def test_image_ends_without_a_shell() -> None:
    """The last stage is filled from the others, and runs nothing."""
    last = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]

    assert last.startswith("\nFROM scratch\n")
    assert not re.search(r"^RUN ", last, re.MULTILINE)
    assert "find /usr/bin /usr/sbin /usr/libexec /usr/local -mindepth 1 ! -type d ! -name 'python3*' -delete" in DOCKERFILE


def test_nothing_names_a_registry() -> None:
    """Where packages come from is the affair of the machine that builds."""
    files = [ROOT / name for name in ("Dockerfile", "compose.yaml", "Makefile", "pyproject.toml", ".dockerignore")]
    files += [
        path for folder in ("deploy", "requirements") for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix != ".pyc"
    ]

    assert len(files) > 15
    for path in files:
        assert not [host for host in REGISTRIES if host in path.read_text("utf-8")], path


def test_image_holds_what_it_runs_and_nothing_else() -> None:
    """Every file that is copied exists; tests, documents and this folder's history stay out."""
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split()
    copied = [word for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]]

    assert ignored[0] == "*"
    assert {"app", "migrations", "config.py", "wsgi.py", "requirements/app.txt"} <= set(copied)
    assert all((ROOT / name).exists() for name in copied)
    assert not [name for name in copied if name.startswith((".", "tests", "docs"))]
    for face in FACES:
        assert f"deploy/{face}.conf.py" in copied


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_is_shut_in(name: str) -> None:
    """Read-only, no capability, no new privilege, limits, no core file, a user that is not root."""
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["ulimits"]["core"] == 0
    assert service["pids_limit"] <= 400
    assert service["mem_limit"] == service["memswap_limit"]  # none of it goes to swap
    assert int(service["user"].split(":")[0]) >= 999
    assert service["init"] is True
    assert all("noexec,nosuid,nodev" in folder for folder in service["tmpfs"])
    assert "ports" not in service
    assert "privileged" not in service


def test_only_tor_has_a_network() -> None:
    """Faces, database and commands meet at sockets; what is broken into has nobody to talk to."""
    assert {name for name, service in SERVICES.items() if service.get("network_mode") != "none"} == {"tor"}


def test_each_face_has_its_own_keys_and_no_other() -> None:
    """The intake gets no server secret; each face signs in to the database as itself, by a file."""
    for face in FACES:
        service = SERVICES[face]
        database = service["environment"]["PAIVAND_DATABASE"]
        assert service["command"][:3] == ["gunicorn", "-c", f"deploy/{face}.conf.py"]
        assert service["command"][-1] == f"wsgi:{face}"
        assert database.startswith(f"postgresql://paivand_{face}@/")
        assert f"passfile=/run/secrets/{face}.pgpass" in database
        assert {secret for secret in service["secrets"] if secret.endswith("pgpass")} == {f"{face}.pgpass"}
    assert "PAIVAND_SERVER_SECRET_FILE" not in SERVICES["intake"]["environment"]
    assert SERVICES["intake"]["secrets"] == ["intake.pgpass"]
    assert len({SERVICES[face]["user"] for face in FACES}) == 3
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert used == set(COMPOSE["secrets"])


def test_faces_wait_for_the_schema_and_only_staff_have_a_health_check() -> None:
    """A face does not start on an old database; the intake tells nobody how it is."""
    for face in FACES:
        assert SERVICES[face]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
        assert ("healthcheck" in SERVICES[face]) == (face != "intake")
    for face in ("desk", "audit"):
        test = SERVICES[face]["healthcheck"]["test"]
        assert (ROOT / test[2]).is_file()
        assert test[3] in SERVICES[face]["command"][4]
        assert "localhost" in SERVICES[face]["environment"]["PAIVAND_HOSTS"].split()  # as `ready.py` asks


def test_owner_of_the_database_is_used_by_commands_alone() -> None:
    """Its password reaches the database itself, and what runs `python -m app`; faces and Tor never."""
    having = {name for name, service in SERVICES.items() if {"owner", "owner.pgpass"} & set(service.get("secrets", []))}

    assert having == {"postgres", *COMMANDS}
    assert {name for name in COMMANDS if "profiles" in SERVICES[name]} == {"operator", "publisher"}
    assert SERVICES["tor"].get("secrets") is None
    assert not [item for item in SERVICES["tor"]["volumes"] if item.startswith("database")]


def test_only_what_is_there_is_named() -> None:
    """Volumes and files of compose exist, and each volume is used."""
    named = {item.split(":")[0] for service in SERVICES.values() for item in service.get("volumes", []) if not item.startswith("$")}
    files = {name for name in named if name.startswith("./")}

    assert named - files == set(COMPOSE["volumes"])
    assert len(files) == 2
    assert all((ROOT / name).is_file() for name in files)
    assert (ROOT / SERVICES["sweep"]["command"][1]).is_file()
    assert (ROOT / SERVICES["tor"]["build"]["context"] / "Dockerfile").is_file()


def test_database_forgets_times_and_keeps_what_it_acknowledged() -> None:
    """As docs/operate.md §14 asks."""
    settings = dict(
        line.split(" = ") for line in (ROOT / "deploy/postgres/postgresql.conf").read_text("utf-8").splitlines() if not line.startswith("#")
    )

    assert (settings["fsync"], settings["synchronous_commit"]) == ("on", "on")
    assert settings["listen_addresses"] == "''"
    assert settings["log_statement"] == "none"
    assert settings["log_min_duration_statement"] == "-1"
    assert settings["log_min_error_statement"] == "panic"
    assert {settings[name] for name in ("log_connections", "log_disconnections", "track_commit_timestamp", "archive_mode")} == {"off"}


def test_onion_services_end_at_the_sockets_of_the_faces() -> None:
    """One each, no client port, never a single hop."""
    torrc = (ROOT / "deploy/tor/torrc").read_text("utf-8")

    assert re.findall(r"^HiddenServicePort 80 unix:/run/(\w+)/\1\.sock$", torrc, re.MULTILINE) == list(FACES)
    assert "SocksPort 0" in torrc
    assert "SingleHop" not in torrc
    assert torrc.count("HiddenServicePoWDefensesEnabled 1") == 1


def test_desk_and_audit_ask_for_a_key_from_the_first_moment() -> None:
    """Tor lets everybody in where no key is named; so one is, and anybody can see that nobody chose it."""
    sentence = re.findall(r'nobody.auth stays there for ever: SHA-256 of "(.+?)"', (ROOT / "deploy/tor/torrc").read_text("utf-8"))[0]
    key = base64.b32encode(hashlib.sha256(sentence.encode()).digest()).decode().rstrip("=")

    assert (ROOT / "deploy/tor/nobody.auth").read_text("ascii") == f"descriptor:x25519:{key}\n"
    copied = re.findall(r"nobody.auth /var/lib/tor/(\w+)/authorized_clients/nobody.auth$", TOR, re.MULTILINE)
    assert copied == ["desk", "audit"]


def test_sockets_have_one_owner_whoever_is_first() -> None:
    """A new volume takes owner and rights from the image that is started first: both images have the same."""
    assert "install -d -m 2770 -g paivand /run/paivand" in DOCKERFILE
    assert "install -d -m 2770 -g paivand /run/intake /run/desk /run/audit" in TOR
    assert "groupadd --gid 10000 paivand" in DOCKERFILE
    assert "groupadd --gid 10000 paivand" in TOR


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_units_are_shut_in(path: Path) -> None:
    """No network but sockets, a read-only system, no core file, no new privilege; and they start what is there."""
    unit = ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(path.read_text("utf-8"))
    service = unit["Service"]

    assert service["LimitCORE"] == "0"
    assert service["NoNewPrivileges"] == "yes"
    assert service["CapabilityBoundingSet"] == ""
    assert service["PrivateNetwork"] == "yes"
    assert service["RestrictAddressFamilies"] == "AF_UNIX"
    assert service["ProtectSystem"] == "strict"
    assert service["MemoryDenyWriteExecute"] == "yes"
    assert service["UMask"] == "0007"


def test_one_unit_starts_each_face() -> None:
    """What %i stands for exists for each face, and whoever is in front does not share the group of the database."""
    text = (ROOT / "deploy/systemd/paivand@.service").read_text("utf-8")
    started = re.findall(r"^ExecStart=(.+)$", text, re.MULTILINE)[0]

    assert "Group=paivand-front" in text
    assert "SupplementaryGroups=paivand\n" in text
    for face in FACES:
        command = started.replace("%i", face)
        assert command.endswith(f"-c deploy/{face}.conf.py -b unix:/run/paivand-{face}/{face}.sock wsgi:{face}")
        assert (ROOT / f"deploy/{face}.conf.py").is_file()


class _Face(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        """Answer as a face with this state would; which host was asked for is kept."""
        server: Any = self.server
        asked = b""
        while not asked.endswith(b"\r\n\r\n"):
            asked += self.rfile.readline()
        server.asked = asked.decode()
        self.wfile.write(f"HTTP/1.1 {server.status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())


@pytest.mark.parametrize(("status", "expected"), [(200, 0), (503, 1), (400, 1), (None, 1)])
def test_health_check_says_what_the_socket_says(tmp_path: Path, status: int | None, expected: int) -> None:
    """Ready is 0; not ready, refused, or nobody there is 1, in one line."""
    place = tmp_path / "desk.sock"
    command = [sys.executable, str(READY), str(place)]
    if status is None:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    else:
        with socketserver.UnixStreamServer(str(place), _Face) as server:
            kept: Any = server
            kept.status = status
            asking = threading.Thread(target=server.handle_request)
            asking.start()
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
            asking.join(30)
        assert kept.asked.startswith("GET /-/ready HTTP/1.1\r\n")
        assert "Host: localhost\r\n" in kept.asked

    assert done.returncode == expected
    assert done.stdout == (f"{status}\n" if status else "no answer: FileNotFoundError\n")
    assert done.stderr == ""


def test_timer_runs_again_and_ends_when_asked() -> None:
    """A run that fails does not end it; SIGTERM ends the waiting at once."""
    for seconds, runs, status in (("0.01", 3, 1), ("900", 1, 0)):
        command = [sys.executable, str(EVERY), seconds, sys.executable, "-c", f"print('run', flush=True); raise SystemExit({status})"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                assert [process.stdout.readline() for _ in range(runs)] == ["run\n"] * runs
                process.send_signal(signal.SIGTERM)
                assert process.wait(30) == 0
            finally:
                process.kill()


def test_bill_of_materials_lists_exactly_what_is_installed(tmp_path: Path) -> None:
    """By the command of `make sbom`: every pinned package with its version and all its hashes, and nothing besides."""
    text = (ROOT / "requirements/app.txt").read_text("utf-8")
    pinned = {
        (name, version): set(re.findall(r"--hash=sha256:([0-9a-f]{64})", hashes))
        for name, version, hashes in re.findall(r"^([a-z0-9-]+)(?:\[\w+\])?==([^ \\;\n]+)((?:.*\\\n)+.*)", text, re.MULTILINE)
    }
    recipe = re.findall(r"^\t@\$\(BIN\)/cyclonedx-py (.+) -o sbom.cdx.json$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)[0]
    command = [str(Path(sys.executable).with_name("cyclonedx-py")), *shlex.split(recipe), "-o", str(tmp_path / "sbom.json")]

    made = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)

    assert made.returncode == 0, made.stderr
    bill = json.loads((tmp_path / "sbom.json").read_text("utf-8"))
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "paivand"
    assert len(pinned) == len([line for line in text.splitlines() if line[:1].isalnum()])
    assert {(item["name"], item["version"]): _hashes(item) for item in bill["components"]} == pinned
    assert not [host for host in REGISTRIES if host in json.dumps(bill["components"])]


def _hashes(item: dict[str, Any]) -> set[str]:
    found = [each for reference in item["externalReferences"] for each in reference.get("hashes", [])]
    assert {each["alg"] for each in found} == {"SHA-256"}
    return {each["content"] for each in found}
