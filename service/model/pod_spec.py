"""The spec of a pod, be it a live one or the template of a workload, as far as packets depend on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from service.model.document import Fields
from service.model.meta import Layer
from service.model.plain import NotPlainError, plain_mappings, plain_string, shared_text
from service.model.protocols import MAX_PORT, SCTP, TCP, UDP, read_transport
from service.net.prefixes import PrefixError, parse_ip

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from service.model.document import Document, Reader
    from service.net.prefixes import Address

    Environment = Callable[[Mapping[str, object]], Sequence[object]]


@dataclass(frozen=True, slots=True)
class ContainerPort:
    """A port of a container; ``host_port`` is 0 for none, ``host_ip`` None for every address of the node."""

    name: str
    protocol: int
    port: int
    host_port: int = 0
    host_ip: Address | None = None


@dataclass(frozen=True, slots=True)
class PodSpec:
    """The parts of a pod's spec that a live pod and a template share; ports of init containers last."""

    host_network: bool
    service_account: str
    ports: tuple[ContainerPort, ...]


_CONTAINERS = ("containers", "initContainers")
_READ = ("hostNetwork", "serviceAccountName", "serviceAccount", "nodeName")
_PROTOCOLS = {"TCP": TCP, "UDP": UDP, "SCTP": SCTP}
_PORT = frozenset({"name", "containerPort", "protocol", "hostPort"})
_DEFAULT_ACCOUNT = "default"
_ADMISSION = "Kubernetes' admission of pods"
_UNREAD = frozenset(
    {
        "activeDeadlineSeconds",
        "affinity",
        "automountServiceAccountToken",
        "dnsConfig",
        "dnsPolicy",
        "enableServiceLinks",
        "ephemeralContainers",
        "hostAliases",
        "hostIPC",
        "hostPID",
        "hostUsers",
        "hostname",
        "hostnameOverride",
        "imagePullSecrets",
        "nodeName",
        "nodeSelector",
        "os",
        "overhead",
        "preemptionPolicy",
        "priority",
        "priorityClassName",
        "readinessGates",
        "resourceClaims",
        "resources",
        "restartPolicy",
        "runtimeClassName",
        "schedulerName",
        "schedulingGates",
        "securityContext",
        "setHostnameAsFQDN",
        "shareProcessNamespace",
        "subdomain",
        "terminationGracePeriodSeconds",
        "tolerations",
        "topologySpreadConstraints",
        "volumes",
    }
)
_UNREAD_OF_CONTAINERS = frozenset(
    {
        "args",
        "command",
        "env",
        "envFrom",
        "image",
        "imagePullPolicy",
        "lifecycle",
        "livenessProbe",
        "name",
        "readinessProbe",
        "resizePolicy",
        "resources",
        "restartPolicy",
        "restartPolicyRules",
        "securityContext",
        "startupProbe",
        "stdin",
        "stdinOnce",
        "terminationMessagePath",
        "terminationMessagePolicy",
        "tty",
        "volumeDevices",
        "volumeMounts",
        "workingDir",
    }
)
_KNOWN = _UNREAD | {*_CONTAINERS, *_READ}
_KNOWN_OF_CONTAINERS = _UNREAD_OF_CONTAINERS | {"ports"}


def read_pod_spec(document: Document, spec: Reader) -> PodSpec:
    """The pod spec that *spec* is about; the node's name is the caller's to read."""
    spec.know(_UNREAD)
    return PodSpec(
        host_network=spec.boolean("hostNetwork") or False,
        service_account=_read_service_account(document, spec),
        ports=tuple(
            _read_port(document, port)
            for key in _CONTAINERS
            for container in spec.children(key, Fields.SOME)
            for port in _port_readers(container)
        ),
    )


def plain_pod_spec(spec: Mapping[str, object]) -> PodSpec:
    """The same as `read_pod_spec`, of a spec that names its service account and the protocols of its ports.

    Raises: NotPlainError.
    """
    host_network = spec.get("hostNetwork", False)
    account = spec.get("serviceAccountName")
    if not _KNOWN.issuperset(spec) or type(host_network) is not bool:
        raise NotPlainError
    if type(account) is not str or not account:
        raise NotPlainError
    ports = tuple(
        _plain_port(port)
        for key in _CONTAINERS
        if key in spec
        for container in plain_mappings(spec, key, _KNOWN_OF_CONTAINERS)
        if "ports" in container
        for port in plain_mappings(container, "ports", _PORT)
    )
    return PodSpec(host_network, shared_text(account), _shared_ports(ports))


def _plain_port(port: Mapping[str, object]) -> ContainerPort:
    """The port of a container: one value for all that are the same."""
    number, host_port = port.get("containerPort"), port.get("hostPort", 0)
    # What is equal is not enough for a key: 1 is True, and 80 is 80.0.
    if type(number) is not int or type(host_port) is not int:
        raise NotPlainError
    name, protocol = plain_string(port, "name"), plain_string(port, "protocol")
    found = _shared_port(name, protocol, number, host_port)
    if found is None:
        raise NotPlainError
    return found


@lru_cache(maxsize=4096)
def _shared_port(  # noqa: PLR0917 - the four parts of a port, private to this file
    name: str, protocol: str, number: int, host_port: int
) -> ContainerPort | None:
    known = _PROTOCOLS.get(protocol)
    if known is None or not 1 <= number <= MAX_PORT or not 0 <= host_port <= MAX_PORT:
        return None
    return ContainerPort(name, known, number, host_port)


@lru_cache(maxsize=4096)
def _shared_ports(ports: tuple[ContainerPort, ...]) -> tuple[ContainerPort, ...]:
    return ports


def trimmed_pod_spec(spec: object, environment: Environment | None = None) -> object:
    """The raw form of *spec* without what `read_pod_spec` and its callers do not read; parts are shared.

    *environment* says what of a container's environment is read besides.
    """
    if not isinstance(spec, dict):
        return spec
    kept: dict[str, object] = {key: spec[key] for key in _READ if key in spec}
    for key in _CONTAINERS:
        listed = spec.get(key)
        if isinstance(listed, list):
            kept[key] = [_trimmed_container(one, environment) for one in listed]
    return kept


def _trimmed_container(container: object, environment: Environment | None) -> object:
    if not isinstance(container, dict):
        return container
    kept = {key: container[key] for key in ("name", "ports") if key in container}
    if environment and (entries := environment(container)):
        kept["env"] = entries
    return kept


def _read_service_account(document: Document, spec: Reader) -> str:
    """The account; a pod that is not yet stored gets one from admission, a stored one may have none."""
    account = spec.string("serviceAccountName") or spec.string("serviceAccount")
    spec.ignore("serviceAccount")
    if account or document.meta.resource_version:
        return account
    document.default(spec.at("serviceAccountName"), _DEFAULT_ACCOUNT, _ADMISSION)
    return _DEFAULT_ACCOUNT


def _port_readers(container: Reader) -> list[Reader]:
    container.know(_UNREAD_OF_CONTAINERS)
    return container.children("ports")


def _read_port(document: Document, reader: Reader) -> ContainerPort:
    number = _read_number(document, reader, "containerPort", lowest=1)
    if not number and not reader.has("containerPort"):
        message = f"a port of a container needs a containerPort: 1 to {MAX_PORT}"
        document.problem(Layer.SCHEMA, message, at=reader.at("containerPort"))
    return ContainerPort(
        name=reader.string("name"),
        protocol=read_transport(document, reader, "protocol"),
        port=number,
        host_port=_read_number(document, reader, "hostPort", lowest=0),
        host_ip=_read_host_ip(document, reader),
    )


def _read_number(document: Document, reader: Reader, key: str, *, lowest: int) -> int:
    """The number of a port, 0 where absent."""
    number = reader.integer(key)
    if number is None:
        return 0
    if not lowest <= number <= MAX_PORT:
        message = f"{number} is no port: {lowest} to {MAX_PORT}"
        document.problem(Layer.SCHEMA, message, at=reader.at(key))
        return 0
    return number


def _read_host_ip(document: Document, reader: Reader) -> Address | None:
    text = reader.string("hostIP")
    if not text:
        return None
    try:
        return parse_ip(text)
    except PrefixError as error:
        document.problem(Layer.SCHEMA, str(error), at=reader.at("hostIP"))
        return None
