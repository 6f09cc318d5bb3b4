"""Image, compose and units keep what docs/deploy.md says of them; that they run is shown by deploy/container/try.py, which needs root."""

import json
import re
import subprocess
import sys
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
UNITS: Final = sorted((ROOT / "deploy" / "systemd").glob("*.service"))


@pytest.mark.parametrize("text", [DOCKERFILE, TOR], ids=["paivand", "tor"])
def test_image_ends_as_nobody_in_particular(text: str) -> None:
    """The last user is a number that is not root's, and no setuid file is left."""
    users = re.findall(r"^USER (\d+):(\d+)$", text, re.MULTILINE)

    assert users
    assert "0" not in users[-1]
    assert "find / -xdev -type f -perm /6000 -exec chmod a-s {} +" in text


def test_image_is_built_from_pinned_wheels() -> None:
    """Hashes, wheels only, nothing from an address, and a base that the builder chooses."""
    assert DOCKERFILE.count("ARG BASE_IMAGE=") == 1
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${BASE_IMAGE}", "scratch"}
    assert "--require-hashes --only-binary :all: -r requirements/app.txt" in DOCKERFILE
    assert not re.search(r"https?://|^ADD |curl|wget|index-url", DOCKERFILE, re.MULTILINE)
    assert "pip uninstall -q -y pip setuptools" in DOCKERFILE


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
    assert service["mem_limit"]
    assert not str(service["user"]).startswith("0")
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


def test_only_what_is_there_is_named() -> None:
    """Volumes and files of compose exist, and each volume is used."""
    named = {item.split(":")[0] for service in SERVICES.values() for item in service.get("volumes", []) if not item.startswith("$")}
    files = {name for name in named if name.startswith("./")}

    assert named - files == set(COMPOSE["volumes"])
    assert len(files) == 2
    assert all((ROOT / name).is_file() for name in files)
    assert (ROOT / "deploy" / "container" / "every.py").is_file()
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
    assert re.fullmatch(r"descriptor:x25519:[A-Z2-7]{52}\n", (ROOT / "deploy/tor/nobody.auth").read_text("ascii"))
    for face in ("desk", "audit"):
        assert f"/var/lib/tor/{face}/authorized_clients" in TOR
    assert "nobody.auth" in TOR


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
    for name in re.findall(r"deploy/\w+\.conf\.py", service["ExecStart"]):
        assert (ROOT / name).is_file()


def test_bill_of_materials_lists_exactly_what_is_installed(tmp_path: Path) -> None:
    """Every pinned package with its version and its hashes, and nothing besides."""
    command = [str(Path(sys.executable).with_name("cyclonedx-py")), "requirements", "requirements/app.txt", "--of", "JSON"]
    pinned = dict(re.findall(r"^([a-z0-9-]+(?:\[\w+\])?)==([^ \\;]+)", (ROOT / "requirements/app.txt").read_text("utf-8"), re.MULTILINE))

    made = subprocess.run([*command, "-o", str(tmp_path / "sbom.json")], cwd=ROOT, capture_output=True, check=False)

    assert made.returncode == 0, made.stderr
    bill = json.loads((tmp_path / "sbom.json").read_text("utf-8"))
    assert bill["bomFormat"] == "CycloneDX"
    assert {item["name"]: item["version"] for item in bill["components"]} == pinned
    hashes = [found["hashes"] for item in bill["components"] for found in item["externalReferences"] if "hashes" in found]
    assert len(hashes) >= len(pinned)
    assert all(each["alg"] == "SHA-256" for many in hashes for each in many)
