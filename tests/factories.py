"""Objects for tests, read by the real decoder from the smallest raw form that is legal.

Keywords are the fields of the spec in the spelling of the wire: `make_gnp(preDNAT=True, order=10)`.
Wherever a test needs the raw form, `raw` makes it, and `decode` reads it.
"""

from __future__ import annotations

import json

from service.errors import SourceLocation
from service.model.decode import decode_object
from service.model.meta import Decoded
from service.model.snapshot import Change, Operation, Snapshot

V3 = "projectcalico.org/v3"
V1 = "crd.projectcalico.org/v1"


def raw(kind, name="x", *, api_version=V3, namespace="", labels=None, annotations=None, **fields):
    """A raw object; *fields* are its top-level fields, of which None is left out."""
    metadata = {
        "name": name,
        "namespace": namespace or None,
        "labels": labels,
        "annotations": annotations,
    }
    return _present(apiVersion=api_version, kind=kind, metadata=_present(**metadata), **fields)


def decode(body):
    """The `Decoded` of a raw object of a kind that is read."""
    decoded = decode_object(body, SourceLocation("test.yaml"))
    assert isinstance(decoded, Decoded), f"{body['kind']} is no kind that is read"
    return decoded


def complaints(body):
    """What is wrong with a raw object: who complains, where, of what, and what to write instead."""
    return [
        " ".join(
            filter(
                None, (one.layer, one.location.pointer, one.message, one.hint and f"({one.hint})")
            )
        )
        for one in decode(body).problems
    ]


def make_snapshot(*objects, revision=""):
    """A snapshot of raw, decoded or typed objects."""
    return Snapshot.of((as_decoded(one) for one in objects), revision=revision)


def as_decoded(one):
    """The `Decoded` of a raw, decoded or typed object."""
    if isinstance(one, Decoded):
        return one
    if isinstance(one, dict):
        return decode(one)
    return Decoded(one.meta.ref, one.meta, one, raw={"object": repr(one)})


def make_change(before, after):
    """The change from one raw, decoded or typed object to another; None for none."""
    if before is None:
        return Change(Operation.CREATE, None, as_decoded(after))
    if after is None:
        return Change(Operation.DELETE, as_decoded(before), None)
    return Change(Operation.UPDATE, as_decoded(before), as_decoded(after))


def make_gnp(name="deny", *, labels=None, annotations=None, **spec):
    return _calico("GlobalNetworkPolicy", name, spec, labels=labels, annotations=annotations)


def make_prednat(name="deny", **spec):
    """A preDNAT policy, denying everything unless told otherwise."""
    deny_all = {"preDNAT": True, "applyOnForward": True, "ingress": [{"action": "Deny"}]}
    return make_gnp(name, **{**deny_all, **spec})


def make_network_policy(name="deny", *, namespace="default", labels=None, **spec):
    return _calico("NetworkPolicy", name, spec, labels=labels, namespace=namespace)


def make_hep(name="w1-eth0", *, labels=None, node="w1", interfaceName="eth0", **spec):  # noqa: N803 - wire
    spec = _present(node=node, interfaceName=interfaceName, **spec)
    return _calico("HostEndpoint", name, spec, labels=labels)


def make_tier(name="security", **spec):
    return _calico("Tier", name, spec)


def make_global_network_set(name="trusted", *, labels=None, nets=()):
    return _calico("GlobalNetworkSet", name, {"nets": list(nets)}, labels=labels)


def make_network_set(name="trusted", *, namespace="default", labels=None, nets=()):
    spec = {"nets": list(nets)}
    return _calico("NetworkSet", name, spec, labels=labels, namespace=namespace)


def make_felix_configuration(name="default", **spec):
    return _calico("FelixConfiguration", name, spec)


def make_kube_controllers_configuration(**host_endpoint):
    spec = {"controllers": {"node": {"hostEndpoint": host_endpoint}}}
    return _calico("KubeControllersConfiguration", "default", spec)


def make_staged_network_policy(name="deny", *, namespace="default", **spec):
    return _calico("StagedNetworkPolicy", name, spec, namespace=namespace)


def make_ippool(name="pool", *, cidr="10.244.0.0/16", **spec):
    return _calico("IPPool", name, {"cidr": cidr, **spec})


def make_profile(name="profile", **spec):
    return _calico("Profile", name, spec)


def make_knp(name="deny", *, namespace="default", podSelector=None, **spec):  # noqa: N803 - wire
    """A NetworkPolicy of Kubernetes; of all pods of the namespace, unless told otherwise."""
    spec = {"podSelector": podSelector or {}, **spec}
    version = "networking.k8s.io/v1"
    body = raw("NetworkPolicy", name, api_version=version, namespace=namespace, spec=spec)
    return decode(body).obj


def make_cluster_network_policy(name="guard", *, tier="Admin", priority=10, **spec):
    """A ClusterNetworkPolicy; of all pods, unless told otherwise."""
    return _sig_network(
        "ClusterNetworkPolicy", name, {"tier": tier, "priority": priority, **spec}, "v1alpha2"
    )


def make_admin_network_policy(name="guard", *, priority=10, **spec):
    return _sig_network("AdminNetworkPolicy", name, {"priority": priority, **spec}, "v1alpha1")


def make_baseline_admin_network_policy(**spec):
    return _sig_network("BaselineAdminNetworkPolicy", "default", spec, "v1alpha1")


def _sig_network(kind, name, spec, version):
    spec = {"subject": {"namespaces": {}}, **spec}
    api_version = f"policy.networking.k8s.io/{version}"
    return decode(raw(kind, name, api_version=api_version, spec=spec)).obj


def make_service_account(name="default", *, namespace="default", labels=None):
    body = raw("ServiceAccount", name, api_version="v1", namespace=namespace, labels=labels)
    return decode(body).obj


def make_pod(
    name="web-1", *, namespace="default", labels=None, annotations=None, owner=None, **pod
):
    """A running Pod; *pod* are `node`, `ips`, `phase`, raw `ports` of its container, and fields of the spec."""
    spec = {
        "nodeName": pod.pop("node", "w1"),
        "containers": [{"name": "main", "ports": pod.pop("ports", [])}],
    }
    status = {
        "phase": pod.pop("phase", "Running"),
        "podIPs": [{"ip": ip} for ip in _listed(pod.pop("ips", ()))],
    }
    body = raw(
        "Pod",
        name,
        api_version="v1",
        namespace=namespace,
        labels=labels,
        annotations=annotations,
        spec={**spec, **pod},
        status=status,
    )
    if owner is not None:
        body["metadata"]["ownerReferences"] = [{"controller": True, **owner}]
    return decode(body).obj


def make_calico_node(name="calico-node", **settings):
    """The DaemonSet of calico-node, with *settings* in its environment; None is a value kept elsewhere."""
    env = [
        {"name": one, "value": value} if value is not None else {"name": one, "valueFrom": {}}
        for one, value in settings.items()
    ]
    container = {"name": "calico-node", "image": "calico/node", "env": env}
    spec = {"hostNetwork": True, "containers": [container]}
    return make_workload("DaemonSet", name, namespace="kube-system", **spec)


def make_workload(kind="Deployment", name="web", *, namespace="default", labels=None, **spec):
    """A workload of apps/v1; *labels* and *spec* are those of its pods."""
    template = {"metadata": {"labels": labels or {}}, "spec": {"containers": [], **spec}}
    body = raw(kind, name, api_version="apps/v1", namespace=namespace, spec={"template": template})
    return decode(body).obj


def make_namespace(name="default", *, labels=None):
    return decode(raw("Namespace", name, api_version="v1", labels=labels)).obj


def make_node(name="w1", *, labels=None, annotations=None, interfaces=None, **addresses):
    """A Node; *addresses* are `internal` and `external`, texts or lists of them."""
    if interfaces is not None:
        annotations = {**(annotations or {}), "nodeward.io/interfaces": json.dumps(interfaces)}
    listed = [
        {"type": type_, "address": address}
        for type_, key in (("InternalIP", "internal"), ("ExternalIP", "external"))
        for address in _listed(addresses.pop(key, ()))
    ]
    assert not addresses, f"a node has no {addresses}"
    body = raw("Node", name, api_version="v1", labels=labels, annotations=annotations)
    return decode({**body, "status": {"addresses": listed}}).obj


def make_service(name="web", *, namespace="default", labels=None, ports=(30080,), **spec):
    """A NodePort Service, unless told otherwise; a port is a raw port or a node port."""
    listed = [
        {"name": f"p{index}", "port": 80, "nodePort": port} if isinstance(port, int) else port
        for index, port in enumerate(ports)
    ]
    spec = {"type": "NodePort", "ports": listed, **spec}
    body = raw("Service", name, api_version="v1", namespace=namespace, labels=labels, spec=spec)
    return decode(body).obj


def make_endpoint_slice(service="kubernetes", *, namespace="default", addresses=(), port=6443):
    """An EndpointSlice of a Service with one TCP port; its family is that of its addresses."""
    is_v6 = any(":" in address for address in addresses)
    body = raw(
        "EndpointSlice",
        f"{service}-1",
        api_version="discovery.k8s.io/v1",
        namespace=namespace,
        labels={"kubernetes.io/service-name": service},
        addressType="IPv6" if is_v6 else "IPv4",
        ports=[{"name": "https", "port": port}],
        endpoints=[{"addresses": [address]} for address in addresses],
    )
    return decode(body).obj


def _calico(kind, name, spec, **metadata):
    return decode(raw(kind, name, spec=_present(**spec), **metadata)).obj


def _present(**fields):
    return {key: value for key, value in fields.items() if value is not None}


def _listed(texts):
    return [texts] if isinstance(texts, str) else list(texts)


def make_exception(name="borne", **spec):
    """An exception for the node ports of Services in namespace shop, which holds through 2026."""
    said = {
        "check": "nodeport-unguarded",
        "scope": {"kind": "Service", "namespace": "shop"},
        "reason": "it filters by itself",
        "owner": "net@example.org",
        "ticket": "NET-1",
        "notBefore": "2026-01-01T00:00:00Z",
        "expires": "2026-03-01T00:00:00Z",
    }
    spec = _present(**{**said, **spec})
    return raw("NodewardException", name, api_version="nodeward.io/v1alpha1", spec=spec)
