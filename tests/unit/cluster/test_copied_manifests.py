"""Manifests as one gets them from a web page: every mistake is named, once an object, with its line."""

from __future__ import annotations

from service.cluster.manifests import load_text
from service.model.kinds.global_network_policy import GlobalNetworkPolicy
from service.model.meta import Layer
from service.model.rule import ANY

BLANKS = "\u00a0 \u00a0 "

DEPLOYMENT = f"""\
apiVersion: apps/v1
kind: Deployment
metadata:
 name: shop
 labels:
 {BLANKS}app: shop
spec:
 template:
 {BLANKS}metadata:
 {BLANKS}{BLANKS}labels: x
"""
POLICY = f"""\
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata:
 name: shop-clients
spec:
 preDNAT: true
 applyOnForward: true
 ingress:
 - action: Allow
 {BLANKS}source:
 {BLANKS}{BLANKS}nets: [10.0.0.0/8]
"""
ENDPOINT = f"""\
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata:
 name: edge
 spec:
 {BLANKS}node: edge
 {BLANKS}interfaceName: eth0
"""


def problems(text):
    loaded = load_text(text, "page.yaml")
    assert () == loaded.errors
    return [problem for one in loaded.snapshot.problems() for problem in one.problems]


def test_a_deployment_without_its_template_names_the_blanks_as_the_cause():
    missing, blanks = problems(DEPLOYMENT)
    assert (Layer.SCHEMA, 8) == (missing.layer, missing.location.line)
    assert "mend its indentation first" in missing.hint
    assert (Layer.STRICT, 6) == (blanks.layer, blanks.location.line)
    assert "indented with a non-breaking space (U+00A0)" in blanks.message
    assert '"<U+00A0> <U+00A0> app" in /metadata' in blanks.message


def test_a_policy_is_left_with_an_allow_without_any_match():
    loaded = load_text(POLICY, "page.yaml")
    [rule] = loaded.snapshot.get(GlobalNetworkPolicy, "shop-clients").ingress
    assert (ANY, 9) == (rule.source, rule.line)
    assert [10] == [problem.location.line for problem in problems(POLICY)]


def test_a_host_endpoint_names_both_of_its_mistakes():
    found = {(one.layer, one.location.line, one.hint) for one in problems(ENDPOINT)}
    hint = "spec is indented under metadata; it belongs at the top level"
    assert (Layer.SCHEMA, 5, hint) in found
    assert (Layer.STRICT, 5, hint) in found
    assert any("U+00A0" in one.message and one.location.line == 6 for one in problems(ENDPOINT))


def test_what_follows_from_the_blanks_is_said_to_follow():
    service = f"""\
apiVersion: v1
kind: Service
metadata: {{name: shop}}
spec:
 ports:
 - name: http
 {BLANKS}port: 80
"""
    [missing] = [one for one in problems(service) if one.layer is Layer.SCHEMA]
    assert "mend its indentation first: it holds a non-breaking space (U+00A0)" == missing.hint
