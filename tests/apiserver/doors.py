"""``nodeward webhook --cluster`` as the API server's own admission webhook."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.apiserver import objects
from tests.kube.server import wait_until
from tests.kube.webhook import registration
from tests.webhook_door import WebhookDoor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.kube.server import ApiServer

_UNGUARDED = objects.service("unguarded-probe", type="NodePort") | {
    "metadata": {"name": "unguarded-probe", "namespace": "default"}
}


@contextmanager
def live_door(
    server: ApiServer,
    state: Path,
    *,
    kubeconfig: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[WebhookDoor]:
    """A door that watches *server*; the server asks it once `registered`."""
    told = {"KUBECONFIG": str(kubeconfig or server.kubeconfig), **(environment or {})}
    with WebhookDoor(None, state, ("--cluster",), environment=told) as door:
        yield door


def register(server: ApiServer, door: WebhookDoor) -> None:
    """Have *server* ask *door* about every write, and wait until it does: it counts what it is asked."""
    url = f"https://127.0.0.1:{door.port}/admit"
    server.admin.create(registration(url, door.certificates.authority_certificate))
    before = _asked(door)

    def is_asked() -> bool:
        server.admin.try_create(_UNGUARDED, dryRun="All")
        return _asked(door) > before

    wait_until(is_asked, within_s=20, what="the server asks the door")


def metric(door: WebhookDoor, name: str, *labels: str) -> float:
    """The sum of a metric's samples that bear all of the labels, as ``kind="Service"``."""
    text = door.request("GET", "/metrics").body.decode()
    samples = (line for line in text.splitlines() if line.startswith(name))
    return sum(float(line.split()[-1]) for line in samples if all(one in line for one in labels))


def _asked(door: WebhookDoor) -> float:
    return metric(door, "nodeward_admission_reviews_total")
