"""The demo, as a person with kubectl lives through it: what is refused, and how it is put right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

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
    """The cluster as the manifests have it, and the door that watches it."""

    def __init__(self, server):
        self.server = server

    def apply(self, text):
        applied = self.server.kubectl("apply", "-f", "-", stdin=text)
        assert 0 == applied.returncode, applied.stderr

    def patch(self, what, change):
        return self.server.kubectl("patch", *what.split(), "--type=merge", "-p", change)


@pytest.fixture
def manifests(server):
    applied = server.kubectl("apply", "-f", str(DEMO))
    assert 0 == applied.returncode, applied.stderr


@pytest.fixture
def demo(server, manifests, door):
    return Demo(server)


def test_a_node_port_that_one_node_does_not_guard_is_refused(demo):
    refused = demo.patch("service foo", OPENED)
    assert (1, "") == (refused.returncode, refused.stdout)
    assert f"{DENIED}{SERVICE_REFUSED}" in refused.stderr
    assert "It would pass after this: create HostEndpoint node3-nodeward\n---\n" in refused.stderr
    assert re.fullmatch(r"\[decision [0-9a-f-]{36}\]", refused.stderr.splitlines()[-1])
    assert (
        "ClusterIP"
        == demo.server.admin.get("/api/v1/namespaces/default/services/foo")["spec"]["type"]
    )


def test_with_a_host_endpoint_on_every_node_it_is_admitted(demo):
    demo.apply(NODE3)
    admitted = demo.patch("service foo", OPENED)
    assert (0, "service/foo patched\n") == (admitted.returncode, admitted.stdout), admitted.stderr
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
