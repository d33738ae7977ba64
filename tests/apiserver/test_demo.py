"""The demo, as a person with kubectl lives through it: what is refused, and how it is put right."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.kube.server import wait_until
from tests.kube.webhook import registration
from tests.webhook_door import WebhookDoor

DEMO = Path(__file__).parents[2] / "deploy/demo/cluster"
DENIED = 'admission webhook "changes.nodeward.io" denied the request: '
SERVICE_REFUSED = """\
nodeport-unguarded (node-without-host-endpoint): node port TCP 30011 (IPv4) of Service default/foo is not \
guarded on node3: no host endpoint governs it
for example TCP 203.0.113.9:40000 -> 192.168.0.12:30011 via node3
Create a host endpoint for every node and interface, or turn on automatic host endpoints. \
If the HostEndpoint comes with the Service, it must be applied first: by kubectl apply of its own, as a Helm hook \
(pre-install,pre-upgrade), or in an earlier Argo CD sync-wave (-1). Where a deny of all node ports stands already, \
every order passes.
"""
LOCKED_OUT = """\
apiserver-lockout (failsafe-only): GlobalNetworkPolicy drop-other-ingress, ingress rule 0 denies nodes node2, \
node3 the API server at 192.168.0.10:6443; only the failsafe list still carries it
"""
OPENED = """{"spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30011}]}}"""
NODE3 = """\
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata:
  name: node3
  labels: {role: ingress}
spec:
  node: node3
  interfaceName: eth0
  expectedIPs: [192.168.0.12]
  profiles: [projectcalico-default-allow]
"""
SAME_ORDER = '{"spec": {"order": 2}}'
NARROWED = """\
{"spec": {"ingress": [{
  "action": "Allow", "protocol": "TCP", "source": {"nets": ["10.0.0.0/8"]},
  "destination": {"selector": "role == 'ingress'", "ports": [30010]}
}]}}
"""


class Demo:
    """A cluster that is as the manifests say, and the door that has read them."""

    def __init__(self, server, door):
        self.server, self.door = server, door

    def apply(self, text, file):
        applied = self.server.kubectl("apply", "-f", "-", stdin=text)
        assert 0 == applied.returncode, applied.stderr
        (self.door.manifests / file).write_text(text)

    def patch(self, what, change):
        return self.server.kubectl("patch", *what.split(), "--type=merge", "-p", change)


@pytest.fixture
def demo(server, tmp_path):
    manifests = shutil.copytree(DEMO, tmp_path / "manifests")
    applied = server.kubectl("apply", "-f", str(manifests))
    assert 0 == applied.returncode, applied.stderr
    with WebhookDoor(manifests, tmp_path / "door") as door:
        url = f"https://127.0.0.1:{door.port}/admit"
        server.admin.create(registration(url, door.certificates.authority_certificate))
        demo = Demo(server, door)
        wait_until(lambda: is_asked(demo), within_s=20, what="the server asks the door")
        yield demo


def is_asked(demo):
    """Whether a change that must be refused is: a server takes a moment to heed a webhook."""
    answer = demo.server.kubectl(
        *("patch", "service", "foo", "-p", OPENED, "--dry-run=server", "-o", "name")
    )
    return answer.returncode != 0


def test_a_node_port_that_one_node_does_not_guard_is_refused(demo):
    refused = demo.patch("service foo", OPENED)
    assert (1, "") == (refused.returncode, refused.stdout)
    assert refused.stderr.endswith(f"{DENIED}{SERVICE_REFUSED}")
    assert (
        "ClusterIP"
        == demo.server.admin.get("/api/v1/namespaces/default/services/foo")["spec"]["type"]
    )


def test_with_a_host_endpoint_on_every_node_it_is_admitted(demo):
    demo.apply(NODE3, "40-node3.yaml")
    wait_until(lambda: demo.patch("service foo", OPENED).returncode == 0, within_s=20)
    found = demo.server.admin.get("/api/v1/namespaces/default/services/foo")["spec"]
    assert ("NodePort", 30011) == (found["type"], found["ports"][0]["nodePort"])


def test_a_deny_that_comes_before_the_allow_of_the_nodes_is_refused(demo):
    refused = demo.patch("globalnetworkpolicies.projectcalico.org drop-other-ingress", SAME_ORDER)
    assert 1 == refused.returncode
    assert f"{DENIED}{LOCKED_OUT}" in refused.stderr


def test_a_policy_that_allows_less_is_admitted(demo):
    admitted = demo.patch("globalnetworkpolicies.projectcalico.org bar-external-consumer", NARROWED)
    assert (0, "globalnetworkpolicy.projectcalico.org/bar-external-consumer patched\n") == (
        admitted.returncode,
        admitted.stdout,
    )
