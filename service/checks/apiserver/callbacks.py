"""What the API server calls in the cluster, and what becomes of the calls: webhooks, aggregated API servers.

The API server is a process of its node: its calls leave for a Service's address, and meet policy as every
packet of a host does. Source: Kubernetes pkg/util/webhook, kube-aggregator pkg/apiserver/resolvers.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, cast

from service.checks.apiserver.access import api_endpoints
from service.model.callback import WebhookConfiguration
from service.model.kinds.api_service import APIService
from service.model.kinds.endpoint_slice import EndpointSlice
from service.model.kinds.k8s_service import Service
from service.net.flow import PROTOCOL_NUMBERS
from service.net.headerspace import Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import PrefixError, parse_ip
from service.policy.cause import Hook
from service.policy.extent import Extent
from service.policy.facts import Facts
from service.policy.flow_query import CLIENT_PORTS, Access
from service.policy.kube_proxy import Socket, virtual_addresses
from service.policy.parting import walked
from service.policy.paths import Paths
from service.policy.stages import Disposition
from service.policy.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.settings import CheckSettings
    from service.errors import SourceLocation
    from service.model.callback import CalledService, Webhook
    from service.model.meta import Meta
    from service.model.refs import ObjectRef
    from service.policy.ledger import Outcome
    from service.policy.world import World

_TCP = PROTOCOL_NUMBERS["TCP"]
_HTTPS = 443
_URL = re.compile(r"https://(?P<host>\[[^\]]*\]|[^/:?#]*)(?::(?P<port>[0-9]{1,5}))?(?:[/?#]|$)")


@dataclass(frozen=True, slots=True)
class Callback:
    """Something that the API server calls, at the address or the Service called ``target``.

    ``names`` are the webhooks, none for an aggregated API server. ``blocks`` says that requests fail where
    it does not answer. ``missing`` says why it is called nowhere, where that is known.
    """

    subject: ObjectRef
    location: SourceLocation | None
    target: str
    sockets: tuple[Socket, ...]
    names: tuple[str, ...] = ()
    blocks: bool = True
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Fate:
    """What policy makes of calls: those that surely get through, and those that it denies, or may.

    ``unanswered`` says why it is not known of some which policy they meet.
    """

    allowed: HeaderSpace
    denied: HeaderSpace
    doubted: HeaderSpace
    outcomes: tuple[Outcome, ...]
    unanswered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where something is called, as it is written and as it is dialled."""

    target: str
    sockets: tuple[Socket, ...] = ()
    missing: str = ""


def callbacks(world: World) -> Iterator[Callback]:
    """Everything in the cluster that the API server is known to call, webhooks at one place together."""
    for configuration in world.snapshot.all(WebhookConfiguration).values():
        places: dict[_Place, list[Webhook]] = {}
        for webhook in configuration.webhooks:
            places.setdefault(_place(world, webhook), []).append(webhook)
        for place, webhooks in places.items():
            names = tuple(one.name for one in webhooks)
            blocks = any(one.blocks for one in webhooks)
            yield _callback(configuration.meta, place, names=names, blocks=blocks)
    for one in world.snapshot.all(APIService).values():
        if one.service:
            yield _callback(one.meta, _service_place(world, one.service))


def _callback(
    meta: Meta, place: _Place, *, names: tuple[str, ...] = (), blocks: bool = True
) -> Callback:
    return Callback(
        meta.ref, meta.location, place.target, place.sockets, names, blocks, place.missing
    )


def answers_are_told(world: World) -> bool:
    """Whether there is policy, and the snapshot holds what answers at Services: pods, or their endpoints.

    Manifests of a repository hold neither, and say nothing of it.
    """
    if not world.policies and not world.has_endpoints:
        return False
    services = {
        (one.meta.ref.namespace, one.service) for one in world.snapshot.all(EndpointSlice).values()
    }
    return world.knows_pods or bool(services - {("default", "kubernetes")})


def is_called(world: World, ref: ObjectRef) -> bool:
    """Whether *ref* is a Service by which the API server calls."""
    configurations = world.snapshot.all(WebhookConfiguration).values()
    services = [one.service for each in configurations for one in each.webhooks]
    services += [one.service for one in world.snapshot.all(APIService).values()]
    names = {(one.namespace, one.name) for one in services if one}
    return ref.kind == "Service" and (ref.namespace, ref.name) in names


def callers(world: World, settings: CheckSettings) -> tuple[str, ...]:
    """The nodes whose process the API server is, as far as they are known."""
    return tuple(sorted({one.node for one in api_endpoints(world, settings)} - {""}))


def fate(world: World, node: str, socket: Socket) -> Fate:
    """What becomes of calls from the API server on *node* to *socket*; kept with the world."""
    known = world.facts(Facts.PATHS)
    key = ("callback", node, socket)
    if key not in known:
        known[key] = _fate(world, node, socket)
    return cast("Fate", known[key])


def _place(world: World, webhook: Webhook) -> _Place:
    if webhook.service is not None:
        return _service_place(world, webhook.service)
    socket = _address_in(webhook.url)
    return _Place(str(socket), (socket,)) if socket else _Place(webhook.url)


def _service_place(world: World, called: CalledService) -> _Place:
    """Where a Service is called: at its clusterIP alone, which is the first of its addresses."""
    service = world.snapshot.get(Service, called.name, called.namespace)
    target = str(called)
    if service is None:
        return _Place(target, missing="there is no such Service")
    if service.type == "ExternalName":
        return _Place(target)  # a name, which could be any address
    if all((one.protocol, one.port) != (_TCP, called.port) for one in service.ports):
        return _Place(target, missing="the Service has no such port")
    addresses = virtual_addresses(service, Access.CLUSTER_IP)
    if not addresses:
        return _Place(target, missing="the Service has no cluster IP")
    return _Place(target, (Socket(addresses[0], called.port),))


def _address_in(url: str) -> Socket | None:
    """The socket that a URL names by an address; a name could be any."""
    found = _URL.match(url)
    if found is None:
        return None
    try:
        return Socket(parse_ip(found["host"].strip("[]")), int(found["port"] or _HTTPS))
    except PrefixError:
        return None


def _fate(world: World, node: str, socket: Socket) -> Fate:
    paths = Paths(world, socket.address[0], _TCP)

    def go(packets: HeaderSpace) -> Walk:
        return paths.from_node(Walk.start(world, packets, Extent.MANY), node, socket)

    outcomes = tuple(walked(_calls(paths, node, socket), go))
    judged = tuple(one for one in outcomes if _is_policed(one))
    return Fate(
        allowed=_of(socket, outcomes, Disposition.ALLOWED),
        denied=_of(socket, judged, Disposition.DENIED),
        doubted=_of(socket, judged, Disposition.UNKNOWN),
        outcomes=judged,
        unanswered=_unanswered([one for one in outcomes if not _is_policed(one)]),
    )


def _unanswered(outcomes: list[Outcome]) -> tuple[str, ...]:
    """Why calls that meet no policy do not arrive, or perhaps not."""
    why = dict.fromkeys(reason for one in outcomes for reason in one.unknown)
    if any(one.disposition is Disposition.DENIED for one in outcomes):
        why["the Service has no backend"] = None
    return tuple(why)


def _calls(paths: Paths, node: str, socket: Socket) -> HeaderSpace:
    """The packets that a process of *node* sends to *socket*, from the addresses that its route gives."""
    fields = {
        Field.PROTOCOL: IntervalSet.single(_TCP),
        Field.DST: IntervalSet.single(socket.address[1]),
        Field.DST_PORT: IntervalSet.single(socket.port or _HTTPS),
        Field.SRC_PORT: CLIENT_PORTS,
    }
    out = paths.topology.way_out(node, socket.address)
    if not out.doubts and out.sources:
        fields[Field.SRC] = out.sources
    return HeaderSpace.box(socket.address[0], fields)


def _is_policed(outcome: Outcome) -> bool:
    """Whether policy denies packets, or may: a Service without backends is no matter of policy."""
    return any(isinstance(cause.hook, Hook) for cause in outcome.causes)


def _of(socket: Socket, outcomes: tuple[Outcome, ...], disposition: Disposition) -> HeaderSpace:
    spaces = (one.space for one in outcomes if one.disposition is disposition)
    return reduce(or_, spaces, HeaderSpace.nothing(socket.address[0]))
