"""A real API server with its etcd: processes on loopback ports, with certificates of their own.

RBAC decides what a token may do. Tokens of service accounts are real ones. No controller runs beside it:
nobody makes pods of Deployments or empties a namespace that is deleted.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from certs import folder
from certs.folder import Folder
from tests.kube.client import Client, Object, RefusedError
from tests.webhook_door import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.kube.binaries import Binaries

ADMIN_TOKEN = "token-of-an-administrator-of-the-tests"
SERVICE_RANGE = "10.96.0.0/16"
NODE_PORTS = "30000-32767"
ADDRESS = "192.168.0.10"
"""What the server says its address is. Nobody connects there."""

_MOST_PUTS = 100
_MORTAL = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()
"""Whatever ends the tests, even SIGKILL, ends the servers too."""
_START_S = 90.0
_STOP_S = 30.0


def wait_until(holds: Callable[[], object], *, within_s: float, what: str = "") -> None:
    """Raises: AssertionError after so long."""
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, f"not within {within_s} s: {what or holds}"
        time.sleep(0.02)


@dataclass
class _Process:
    """A program that runs until it is told to stop."""

    name: str
    folder: Path
    running: subprocess.Popen[bytes] | None = None

    @property
    def log_file(self) -> Path:
        return self.folder / f"{self.name}.log"

    def start(self, *command: str) -> None:
        with self.log_file.open("ab") as log:
            self.running = subprocess.Popen([*_MORTAL, *command], stdout=log, stderr=log)

    def stop(self, sent: signal.Signals = signal.SIGTERM) -> None:
        if self.running is None:
            return
        if self.running.poll() is None:
            self.running.send_signal(sent)
        try:
            self.running.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.running.kill()
            self.running.wait(_STOP_S)
        self.running = None

    def wait(self, holds: Callable[[], object]) -> None:
        """Raises: AssertionError with the end of its log."""
        end = time.monotonic() + _START_S
        while not holds():
            assert self.running is not None
            assert self.running.poll() is None, f"{self.name} ended\n{self.tail()}"
            assert time.monotonic() < end, f"{self.name} is not ready\n{self.tail()}"
            time.sleep(0.05)

    def tail(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace")[-4000:]


@dataclass
class ApiServer:
    """The two processes, and how to reach them."""

    binaries: Binaries
    folder: Path
    port: int = field(default_factory=free_port)
    etcd_port: int = field(default_factory=free_port)
    options: tuple[str, ...] = ()
    """More flags of the API server."""
    tells_progress: bool = True
    """Whether etcd tells the API server every 5 s how far it is, as kubeadm has it; else every 10 min."""

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._data = _quick_folder()
        self._etcd = _Process("etcd", self.folder)
        self._server = _Process("kube-apiserver", self.folder)
        self._write_files()
        self.admin = self.client(ADMIN_TOKEN)
        try:
            self._start_etcd()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.admin.close()
        self._server.stop(signal.SIGKILL)  # nothing that it has written is lost: etcd has it
        self._etcd.stop(signal.SIGKILL)
        shutil.rmtree(self._data, ignore_errors=True)

    @cached_property
    def certificates(self) -> Folder:
        made = Folder(self.folder / "certs")
        folder.issue(made, frozenset({"localhost", "127.0.0.1"}), datetime.now(UTC))
        return made

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def kubeconfig(self) -> Path:
        """Access as an administrator."""
        return self.folder / "kubeconfig"

    def log(self) -> str:
        return self._server.tail()

    def client(self, token: str) -> Client:
        return Client(self.port, self.certificates.authority_certificate, token)

    def start(self) -> None:
        """Start the API server and wait until it is ready."""
        self._server.start(*self._command())
        self._server.wait(self._is_ready)

    def stop(self, sent: signal.Signals = signal.SIGTERM) -> None:
        """End the API server; etcd keeps running, and what was stored stays."""
        self.admin.close()
        self._server.stop(sent)

    def restart(self, sent: signal.Signals = signal.SIGTERM) -> None:
        self.stop(sent)
        self.start()

    def pause(self) -> None:
        """Let the API server stand still: connections stay open and nothing is answered."""
        assert self._server.running is not None
        self._server.running.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._server.running is not None
        self._server.running.send_signal(signal.SIGCONT)

    def compact(self) -> None:
        """Have etcd forget every revision but the newest."""
        self._ask_etcd("kv/compaction", {"revision": self._revision(), "physical": True})

    def fill(self, prefix: str, ones: Iterable[Object]) -> None:
        """Put objects into etcd at once, as a server would have stored them: many take long to create."""
        puts = [
            {
                "request_put": {
                    "key": _base64(f"{prefix}/{_name(one)}"),
                    "value": _base64(json.dumps(one)),
                }
            }
            for one in ones
        ]
        # What is put together has one resourceVersion, which no server would give to two objects: a list
        # could end among them. The last is put alone, so that a list of its version has all before it.
        *most, last = puts
        for start in range(0, len(most), _MOST_PUTS):
            self._ask_etcd("kv/txn", {"success": most[start : start + _MOST_PUTS]})
        self._ask_etcd("kv/txn", {"success": [last]})

    def service_account(self, name: str, namespace: str = "default", **token: object) -> str:
        """The token of a service account, which is made if there is none."""
        account = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": name, "namespace": namespace},
        }
        self.admin.apply(account)
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        answer = self.admin.request(
            "POST",
            path,
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": token},
        )
        assert answer.ok, answer.message
        return str(answer.json["status"]["token"])

    def write_kubeconfig(
        self, path: Path, *, token: str = "", token_file: Path | None = None, port: int = 0
    ) -> Path:
        """A kubeconfig with one context, ``tests``; through another *port*, such as a proxy's."""
        who = {"tokenFile": str(token_file)} if token_file else {"token": token or ADMIN_TOKEN}
        cluster = {
            "server": f"https://127.0.0.1:{port or self.port}",
            "certificate-authority": str(self.certificates.authority_certificate),
        }
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "tests", "cluster": cluster}],
            "users": [{"name": "tests", "user": who}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests"}}],
            "current-context": "tests",
        }
        path.write_text(json.dumps(config), encoding="utf-8")
        path.chmod(0o600)
        return path

    def kubectl(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """What a person would see; the exit code is theirs to look at, too."""
        return self.run(self.binaries.kubectl, *arguments, stdin=stdin)

    def run(self, *command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a tool that finds this server, and only it, by its KUBECONFIG."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "KUBECONFIG": str(self.kubeconfig),
        }
        return subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
            env=environment,
        )

    def _write_files(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        self._accounts_key.write_bytes(pem)
        self._tokens.write_text(f"{ADMIN_TOKEN},admin,admin,system:masters\n", encoding="utf-8")
        self.write_kubeconfig(self.kubeconfig)

    @property
    def _accounts_key(self) -> Path:
        return self.folder / "service-accounts.key"

    @property
    def _tokens(self) -> Path:
        return self.folder / "tokens.csv"

    def _start_etcd(self) -> None:
        url, peer = f"http://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{free_port()}"
        self._etcd.start(
            self.binaries.etcd,
            f"--data-dir={self._data}",
            f"--listen-client-urls={url}",
            f"--advertise-client-urls={url}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            *self._etcd_options(),
        )
        self._etcd.wait(self._etcd_answers)

    def _etcd_options(self) -> list[str]:
        """What etcd learned with version 3.5, and renamed with 3.6; no data here is worth a wait."""
        asked = subprocess.run(
            [self.binaries.etcd, "--version"], check=True, capture_output=True, text=True
        )
        version = tuple(map(int, asked.stdout.split()[2].split(".")[:2]))
        if version < (3, 5):
            return []
        flag = f"--{'' if version >= (3, 6) else 'experimental-'}watch-progress-notify-interval"
        return ["--unsafe-no-fsync", *([f"{flag}=5s"] if self.tells_progress else [])]

    def _etcd_answers(self) -> bool:
        try:
            self._revision()
        except OSError:
            return False
        return True

    def _revision(self) -> int:
        key = "AA=="  # the smallest key there is
        return int(self._ask_etcd("kv/range", {"key": key})["header"]["revision"])

    def _ask_etcd(self, method: str, body: Object) -> Object:
        """Through etcd's gateway, which speaks JSON."""
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.etcd_port}/v3/{method}", json.dumps(body).encode()
        )
        with _no_proxy.open(asked, timeout=20) as answer:
            return json.loads(answer.read())

    def _command(self) -> list[str]:
        made = self.certificates
        return [
            self.binaries.kube_apiserver,
            f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--advertise-address={ADDRESS}",
            "--endpoint-reconciler-type=none",
            f"--tls-cert-file={made.server_certificate}",
            f"--tls-private-key-file={made.server_key}",
            f"--token-auth-file={self._tokens}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-signing-key-file={self._accounts_key}",
            f"--service-account-key-file={self._accounts_key}",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
            f"--service-node-port-range={NODE_PORTS}",
            "--disable-admission-plugins=ServiceAccount",  # no controller makes the accounts of pods
            "--profiling=false",
            "--shutdown-watch-termination-grace-period=2s",  # or it waits a minute for who watches
            *self.options,
        ]

    def _is_ready(self) -> bool:
        try:
            return self.admin.request("GET", "/readyz").ok and bool(
                self.admin.get("/api/v1/namespaces/default")
            )
        except (OSError, http.client.HTTPException, RefusedError):
            return False


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _name(one: Object) -> str:
    namespace = one["metadata"].get("namespace", "")
    return f"{namespace}/{one['metadata']['name']}" if namespace else str(one["metadata"]["name"])


_no_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _quick_folder() -> Path:
    """A folder for etcd, which waits for the disk at each write: in memory where there is such a place."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of its own within it
    is_there = memory.is_dir() and os.access(memory, os.W_OK)
    return Path(tempfile.mkdtemp(prefix="nodeward-etcd-", dir=memory if is_there else None))


@contextlib.contextmanager
def paused(server: ApiServer):
    """While the server stands still."""
    server.pause()
    try:
        yield
    finally:
        server.resume()
