"""Felix's settings in the environment of calico-node, which win over every FelixConfiguration.

Source: felix/config/env_var_loader.go, felix/config/param_types.go, api felixconfig.go.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from service.errors import SourceLocation
from service.model.decode import decode_object
from service.model.meta import Decoded, Layer
from service.model.refs import CALICO_V3
from service.model.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from service.model.kinds.felix_configuration import FelixConfiguration
    from service.model.snapshot import Snapshot

_NONE = "none"
_TRUE = frozenset({"true", "1", "yes", "y", "t"})
_FALSE = frozenset({"false", "0", "no", "n", "f"})
_FAILSAFES = ("failsafeInboundHostPorts", "failsafeOutboundHostPorts")
_RANGES, _NETS = "kubeNodePortRanges", "externalNodesList"
_FLAGS = frozenset(
    {
        "allowIPIPPacketsFromWorkloads",
        "allowVXLANPacketsFromWorkloads",
        "bpfConnectTimeLoadBalancingEnabled",
        "bpfEnabled",
        "disableConntrackInvalidCheck",
        "ipv6Support",
        "wireguardEnabled",
        "wireguardEnabledV6",
    }
)
_DENY_ACTION = "nftablesFilterDenyAction"


@dataclass(frozen=True, slots=True)
class FelixEnvironment:
    """The settings of all nodes, as the FelixConfiguration that would say the same; () without any.

    ``doubts`` are why what Felix runs with is not known.
    """

    layers: tuple[FelixConfiguration, ...] = ()
    doubts: tuple[str, ...] = ()


NO_ENVIRONMENT = FelixEnvironment()


def felix_environment(snapshot: Snapshot) -> FelixEnvironment:
    """What the DaemonSets of calico-node in *snapshot* set."""
    every = [one.felix for one in snapshot.all(Workload).values() if one.felix]
    if not every:
        return NO_ENVIRONMENT
    values, doubts = every[0], []
    if any(one != every[0] for one in every):
        doubts.append("the DaemonSets of calico-node do not agree about Felix's environment")
    spec: dict[str, object] = {}
    for name, text in values.items():
        try:
            spec[name] = _value(name, text)
        except ValueError as error:
            doubts.append(f"what Felix's environment says of {name} is not known: {error}")
    if str(spec.get(_DENY_ACTION)).lower() == "reject":
        doubts.append(f"Felix's environment sets {_DENY_ACTION} to Reject, which nftables refuses")
    return _environment(spec, doubts)


def _environment(spec: Mapping[str, object], doubts: Iterable[str]) -> FelixEnvironment:
    raw = {
        "apiVersion": f"{CALICO_V3}/v3",
        "kind": "FelixConfiguration",
        "metadata": {"name": "environment"},
        "spec": spec,
    }
    decoded = cast("Decoded[FelixConfiguration]", decode_object(raw, SourceLocation("calico-node")))
    layers = [decoded.obj] if decoded.obj is not None else []
    if "nftablesMode" not in spec:
        # The API server sets it where an object does not; nobody does so in an environment.
        layers = [replace(one, nftables_mode="") for one in layers]
    wrong = (
        f"Felix cannot read its environment: {one.message}"
        for one in decoded.problems
        if one.layer is not Layer.DATAPLANE
    )
    return FelixEnvironment(tuple(layers), (*doubts, *wrong))


def _value(name: str, text: str | None) -> object:
    """The value of a field of FelixConfiguration that *text* stands for.

    Raises: ValueError where that cannot be told.
    """
    if text is None:
        raise ValueError("its value is kept elsewhere")
    if not text:
        raise ValueError("its value is empty")
    if name in _FAILSAFES:
        return [] if text.lower() == _NONE else list(map(_failsafe, _parts(text)))
    if text.lower() == _NONE:
        raise ValueError("its value is none")
    if name in _FLAGS:
        return _flag(text)
    if name == _RANGES:
        return list(map(_port, _parts(text)))
    return _parts(text) if name == _NETS else text


def _parts(text: str) -> list[str]:
    return [one.strip() for one in text.split(",")]


def _flag(text: str) -> bool:
    word = text.lower()
    if word not in _TRUE | _FALSE:
        raise ValueError(f"{text!r} is no boolean")
    return word in _TRUE


def _port(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def _failsafe(text: str) -> dict[str, object]:
    """An entry of a failsafe list: a port, of TCP unless a protocol is before it, and a net between."""
    protocol, separator, rest = text.partition(":")
    if not separator:
        protocol, rest = "tcp", text
    net, separator, port = rest.rpartition(":")
    entry: dict[str, object] = {"protocol": protocol, "port": int(port)}
    return entry | ({"net": net.strip("[]")} if separator else {})
