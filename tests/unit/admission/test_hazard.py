from __future__ import annotations

import pytest

from service.admission.hazard import hazard
from service.admission.review import Operation, ReviewRequest
from service.model.refs import GVK
from tests.factories import V3, raw

OPENS = "opens node ports"
UNDOES = "can unguard node ports or cut off the API server"


def service(**spec):
    return raw("Service", "web", api_version="v1", namespace="default", spec=spec)


def policy(order=1, labels=None, **metadata):
    body = raw("GlobalNetworkPolicy", "p", labels=labels, spec={"order": order})
    body["metadata"].update(metadata)
    return body


def review(before, after, kind=("", "v1", "Service")):
    operation = Operation.UPDATE
    if before is None:
        operation = Operation.CREATE
    elif after is None:
        operation = Operation.DELETE
    return ReviewRequest(
        uid="u", operation=operation, kind=GVK(*kind), object=after, old_object=before
    )


def of_policy(before, after):
    return hazard(review(before, after, ("projectcalico.org", "v3", "GlobalNetworkPolicy")))


CLUSTER_IP = service(type="ClusterIP", ports=[{"port": 80}])
NODE_PORT = service(type="NodePort", ports=[{"port": 80, "nodePort": 30000}])
OTHER_PORT = service(type="NodePort", ports=[{"port": 80, "nodePort": 30001}])
UNALLOCATED = service(type="NodePort", ports=[{"port": 80}])
BALANCED = service(type="LoadBalancer", ports=[{"port": 80}])
WITHOUT_PORTS = service(
    type="LoadBalancer", allocateLoadBalancerNodePorts=False, ports=[{"port": 80}]
)
GIVEN = service(
    type="LoadBalancer",
    allocateLoadBalancerNodePorts=False,
    ports=[{"port": 80}, {"port": 81, "nodePort": 30000}],
)
CHECKED = service(
    type="LoadBalancer", allocateLoadBalancerNodePorts=False, ports=[], healthCheckNodePort=32000
)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, CLUSTER_IP, ""),
        (None, NODE_PORT, OPENS),
        (None, UNALLOCATED, OPENS),
        (None, BALANCED, OPENS),
        (None, WITHOUT_PORTS, ""),
        (None, CHECKED, OPENS),
        (None, GIVEN, OPENS),
        (None, service(type="LoadBalancer", allocateLoadBalancerNodePorts=False), ""),
        (CLUSTER_IP, NODE_PORT, OPENS),
        (NODE_PORT, OTHER_PORT, OPENS),
        (NODE_PORT, NODE_PORT, ""),
        (NODE_PORT, CLUSTER_IP, ""),
        (NODE_PORT, None, ""),
        (None, service(), ""),
        (None, {"metadata": {"name": "web"}}, ""),
    ],
)
def test_a_service_can_do_harm_by_what_it_opens(before, after, expected):
    assert expected == hazard(review(before, after))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, policy(), UNDOES),
        (policy(), None, UNDOES),
        (policy(1), policy(2), UNDOES),
        (policy(), policy(labels={"a": "b"}), UNDOES),
        (policy(), policy(annotations={"a": "b"}), UNDOES),
        (policy(), policy(), ""),
        (policy(), policy(resourceVersion="7"), ""),
        (policy(1), policy(2, deletionTimestamp="2026-11-01T00:00:00Z"), ""),
    ],
)
def test_what_guards_can_do_harm_by_any_change_of_what_it_says(before, after, expected):
    assert expected == of_policy(before, after)


def test_a_kind_that_no_check_judges_does_no_harm():
    assert "" == hazard(review(None, raw("Pod", "p", api_version="v1"), ("", "v1", "Pod")))


def test_a_malformed_service_is_left_to_its_own_judgement():
    assert "" == hazard(review(None, {"metadata": {"name": "web"}, "spec": [V3]}))
