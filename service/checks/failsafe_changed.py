"""Where are Felix's failsafe lists emptied, widened, or without the API server's port?

docs/checks/failsafe-changed.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.checks.apiserver.access import api_endpoints
from service.checks.contract import Check
from service.checks.mending.hosts import with_failsafes
from service.checks.verdict import Result, Severity, Verdict
from service.model.kinds.felix_configuration import FelixConfiguration
from service.net.flow import PROTOCOL_NUMBERS, protocol_name
from service.policy.felix import DEFAULT_INBOUND, DEFAULT_OUTBOUND

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.checks.settings import CheckSettings
    from service.checks.verdict import Json
    from service.model.kinds.felix_configuration import FailsafePort
    from service.policy.world import World

_ID = "failsafe-changed"
_TCP = PROTOCOL_NUMBERS["TCP"]
_UDP = PROTOCOL_NUMBERS["UDP"]
_SPARE = {"failsafeInboundHostPorts": (_TCP, 22), "failsafeOutboundHostPorts": (_UDP, 53)}
_ADVICE = {
    "emptied": "Leave in the list at least the ports without which a node cannot be mended: SSH and the "
    "API server's inbound, the API server's and DNS outbound.",
    "without-api-port": "Keep the API server's port in both lists; a net may narrow who may use it.",
    "widened": "Allow the port by policy instead, or give the entry a net.",
}


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """A verdict for each list that was changed for the worse, in a cluster with host endpoints.

    A list that was narrowed is the owner's care; without host endpoints nobody asks the lists.
    """
    if not world.has_endpoints:
        return
    ports = {one.port for one in api_endpoints(world, settings)} or {settings.apiserver_port}
    for one in world.snapshot.all(FelixConfiguration).values():
        for field, own, default in (
            ("failsafeInboundHostPorts", one.failsafe_inbound, DEFAULT_INBOUND),
            ("failsafeOutboundHostPorts", one.failsafe_outbound, DEFAULT_OUTBOUND),
        ):
            if own is not None:
                yield from _of_list(one, field, own, default=default, ports=ports)


def _of_list(
    configuration: FelixConfiguration,
    field: str,
    own: tuple[FailsafePort, ...],
    *,
    default: tuple[FailsafePort, ...],
    ports: set[int],
) -> Iterator[Verdict]:
    if not own:
        yield _verdict(
            configuration,
            field,
            "emptied",
            told="it is empty: without an allow by policy no packet passes",
            missing=[_SPARE[field], *((_TCP, port) for port in sorted(ports))],
        )
        return
    missing = ports - {one.port for one in own if one.protocol == _TCP}
    # Where the API server is on a port that is on no default list, nobody took it away.
    if missing & {one.port for one in default if one.protocol == _TCP}:
        named = ", ".join(map(str, sorted(missing)))
        yield _verdict(
            configuration,
            field,
            "without-api-port",
            told=f"the API server's port {named} is not in it: a list replaces the default",
            missing=[(_TCP, port) for port in sorted(missing)],
        )
    known = {(one.protocol, one.port) for one in default} | {(_TCP, port) for port in ports}
    added = [
        one
        for one in own
        if one.net is None and not one.fatal and (one.protocol, one.port) not in known
    ]
    if added:
        named = ", ".join(f"{protocol_name(one.protocol)} {one.port}" for one in added)
        yield _verdict(
            configuration,
            field,
            "widened",
            told=f"{named} pass from and to anywhere, before any policy",
        )


def _verdict(
    configuration: FelixConfiguration,
    field: str,
    reason: str,
    *,
    told: str,
    missing: Iterable[tuple[int, int]] = (),
) -> Verdict:
    lacking: list[Json] = [
        {"protocol": protocol_name(protocol), "port": port} for protocol, port in missing
    ]
    return Verdict(
        check=_ID,
        subject=configuration.meta.ref,
        result=Result.WARN,
        severity=Severity.LOW if reason == "widened" else Severity.MEDIUM,
        reason=reason,
        message=f"{field}: {told}",
        advice=_ADVICE[reason],
        location=configuration.meta.location.at(f"/spec/{field}"),
        key=(field,),
        details={"missing": lacking} if lacking else {},
    )


CHECK = Check(
    id=_ID,
    title="Failsafe lists that were emptied or widened",
    severity=Severity.MEDIUM,
    subjects=frozenset({"FelixConfiguration"}),
    reasons={
        "emptied": "The list is empty.",
        "without-api-port": "The API server's port is on the default list, and not on this one.",
        "widened": "The list has ports that the default lacks, for everybody.",
    },
    audit=audit,
    remedies=with_failsafes,
)
