"""A Service and its guard in one release, as each tool applies it, through the door of a live cluster."""

from __future__ import annotations

import pytest

from tests.apiserver.objects import endpoint, node, policy
from tests.kube import binaries, bundle
from tests.kube.server import wait_until
from tests.kube.webhook import registration
from tests.webhook_door import WebhookDoor

ADVICE = "If the GlobalNetworkPolicy comes with the Service, it must be applied first"
PORTS = ["30000:32767"]


def helm(server, folder, *objects):
    try:
        program = binaries.program("helm", "run `make kube`")
    except binaries.MissingError as error:
        pytest.skip(str(error))
    return bundle.helm(server, program, folder, *objects)


TOOLS = {
    "kubectl": bundle.kubectl_folder,
    "kustomize": bundle.kustomize,
    "helm": helm,
    "argo": bundle.argo,
}
FIRST = {
    "kubectl": lambda: (bundle.guard(), bundle.service()),
    "helm": lambda: (bundle.service(), bundle.guard(**bundle.HOOK)),
    "argo": lambda: (bundle.service(), bundle.guard(**{bundle.WAVE: "-1"})),
}
"""How each tool is told to apply the guard first; kustomize cannot be."""

by_tool = pytest.mark.parametrize("tool", TOOLS)


def baseline():
    """A deny of all node ports, after everything that a release may allow."""
    rules = [
        {"action": "Deny", "protocol": protocol, "destination": {"ports": PORTS}}
        for protocol in ("TCP", "UDP", "SCTP")
    ]
    return policy("baseline", order=10_000, ingress=rules)


@pytest.fixture
def door(server, tmp_path):
    """A door that watches the server, and is asked by it; of one node, with an endpoint."""
    for subresource in ("", "status"):
        server.admin.apply(node("node1", "192.168.0.11"), subresource=subresource)
    server.admin.apply(endpoint("node1"))
    environment = {"KUBECONFIG": str(server.kubeconfig)}
    with WebhookDoor(None, tmp_path / "door", ("--cluster",), environment) as door:
        url = f"https://127.0.0.1:{door.port}/admit"
        server.admin.create(registration(url, door.certificates.authority_certificate))
        probe = bundle.service("probe", 30000)
        wait_until(lambda: server.admin.try_create(probe, dryRun="All").status == 403, within_s=20)
        yield door


@by_tool
def test_without_a_baseline_a_service_before_its_guard_is_refused_and_told_why(
    server, door, tmp_path, tool
):
    refused = TOOLS[tool](server, tmp_path / "release", bundle.service(), bundle.guard())
    assert 0 != refused.returncode
    assert ADVICE in refused.stderr


@pytest.mark.parametrize("tool", FIRST)
def test_without_a_baseline_a_guard_that_comes_first_lets_its_service_pass(
    server, door, tmp_path, tool
):
    applied = TOOLS[tool](server, tmp_path / "release", *FIRST[tool]())
    assert 0 == applied.returncode, applied.stderr


@by_tool
def test_with_a_baseline_every_order_passes(server, door, tmp_path, tool):
    server.admin.create(baseline())
    applied = TOOLS[tool](server, tmp_path / "release", bundle.service(), bundle.guard())
    assert 0 == applied.returncode, applied.stderr
