from __future__ import annotations

import pytest

from service.model.felix_settings import felix_settings
from tests.factories import decode, raw


def daemon_set(*containers):
    template = {"spec": {"containers": list(containers)}}
    return decode(
        raw("DaemonSet", "calico-node", api_version="apps/v1", spec={"template": template})
    )


NODE = {
    "name": "calico-node",
    "image": "calico/node",
    "env": [
        {"name": "FELIX_BPFENABLED", "value": "true"},
        {"name": "FELIX_IPV6SUPPORT", "valueFrom": {"configMapKeyRef": {}}},
        {"name": "FELIX_ETCDPASSWORD", "value": "hidden"},
        "nonsense",
    ],
}


def test_settings_are_told_by_the_fields_of_a_configuration():
    assert {"bpfEnabled": "true", "ipv6Support": None} == daemon_set(NODE).obj.felix


def test_what_is_kept_of_a_daemon_set_tells_the_same_and_no_more():
    kept = daemon_set(NODE).raw
    assert ({"bpfEnabled": "true", "ipv6Support": None}, False) == (
        decode(kept).obj.felix,
        "hidden" in str(kept),
    )


def test_other_containers_tell_felix_nothing():
    assert {} == daemon_set({**NODE, "name": "sidecar"}, {"name": "calico-node"}).obj.felix


@pytest.mark.parametrize("spec", [None, {}, {"containers": "none"}, {"containers": ["none"]}])
def test_a_spec_that_is_none_sets_nothing(spec):
    assert {} == felix_settings(spec)
