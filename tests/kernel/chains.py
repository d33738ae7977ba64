"""The primitive chains of endpoints, as nftables chains.

Semantics: "Primitive chains", "Evaluation order", "Failsafe ports". A chain that lets a packet go on
returns to the hook that has called it; every denial tells its hook and direction by NFLOG, then drops.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

from tests.reference.packet import IPIP, UDP, protocol_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kernel.matches import Matches
    from tests.reference.endpoints import Endpoint
    from tests.reference.hosts import Host
    from tests.reference.policies import Policy, Raw
    from tests.reference.world import World

ACCEPTED = 0x1
"""The mark of packets that untracked or preDNAT policy has allowed."""
LOCAL = 0x2
"""The mark of packets that a process of the host has sent."""
MASQUERADE = 0x4
LOG_GROUP = 7
BASE = "base-"
"""Chains of this prefix hang on hooks; they come last, when all that they jump to is there."""
_LINES_AT_ONCE = 200
_VXLAN_PORT = 4789
_TCP = (179, 2379, 2380, 5473, 6443, 6666, 6667)
_FAILSAFES = {
    "failsafeInboundHostPorts": {"TCP": (22, *_TCP), "UDP": (68,)},
    "failsafeOutboundHostPorts": {"TCP": _TCP, "UDP": (53, 67)},
}
INBOUND, OUTBOUND = _FAILSAFES
ESTABLISHED = "ct state established,related accept"


def denied(hook: str, direction: str, rule: str = "") -> str:
    """The end of a packet, and a word of it: the hook, and "policy index" of a rule that decides."""
    prefix = f"{hook} {direction} {rule}".rstrip()
    return f'log group {LOG_GROUP} prefix "{prefix}" drop'


def mark(bits: int) -> str:
    """Set bits of the mark, keep the others."""
    return f"meta mark set meta mark | {bits}"


class Ruleset:
    """Chains by name, in the order in which they were first asked for."""

    def __init__(self) -> None:
        """None yet."""
        self._chains: dict[str, list[str]] = {}

    def chain(self, name: str, lines: list[str]) -> str:
        """Keep a chain; its name."""
        self._chains[name] = lines
        return name

    def scripts(self) -> Iterator[str]:
        """All of it, instead of whatever was loaded before, as scripts to be loaded in turn.

        One that is long does not fit into what a user namespace may send to the kernel at once.
        """
        names = "".join(f"  chain {name} {{\n  }}\n" for name in self._chains if not _is_base(name))
        yield f"flush ruleset\ntable inet node {{\n{names}}}\n"
        text, lines = "", 0
        for name in sorted(self._chains, key=_is_base):
            body = "".join(f"    {line}\n" for line in self._chains[name])
            text += f"  chain {name} {{\n{body}  }}\n"
            lines += len(self._chains[name])
            if lines > _LINES_AT_ONCE:
                yield f"table inet node {{\n{text}}}\n"
                text, lines = "", 0
        yield f"table inet node {{\n{text}}}\n"


def _is_base(name: str) -> bool:
    return name.startswith(BASE)


class Chains:
    """The chains of one node's endpoints, made when a hook asks for them."""

    def __init__(self, world: World, host: Host, matches: Matches) -> None:
        """Those of *host*, none yet."""
        self._world, self._host, self._matches = world, host, matches
        self._names = {
            one: f"{'pod' if one.is_workload else 'hep'}{number}"
            for number, one in enumerate(host.attached)
        }
        self.rules = Ruleset()
        felix = host.felix
        self._checks = [] if felix.get("disableConntrackInvalidCheck") else ["ct state invalid"]

    def ut_in(self, endpoint: Endpoint) -> str:
        """UT-in."""
        return self._untracked(endpoint, "ingress")

    def ut_out(self, endpoint: Endpoint) -> str:
        """UT-out."""
        return self._untracked(endpoint, "egress")

    def _untracked(self, endpoint: Endpoint, direction: str) -> str:
        inward = direction == "ingress"
        there, back = (INBOUND, OUTBOUND) if inward else (OUTBOUND, INBOUND)
        peer = "saddr" if inward else "daddr"
        failsafes = [
            *(f"{one} return" for one in self._failsafes(there, port="dport", peer=peer)),
            *(f"{one} return" for one in self._failsafes(back, port="sport", peer=peer)),
        ]
        return self._listed(
            endpoint,
            f"untracked {direction}",
            head=failsafes,
            allow=f"notrack {mark(ACCEPTED)} accept",
            tail=[],
        )

    def pre(self, endpoint: Endpoint) -> str:
        """PRE."""
        failsafes = self._failsafes(INBOUND, port="dport", peer="saddr")
        return self._listed(
            endpoint,
            "preDNAT ingress",
            head=[
                "ct state established,related accept",
                *self._invalid("preDNAT ingress"),
                *(f"{one} accept" for one in failsafes),
            ],
            allow=f"{mark(ACCEPTED)} accept",
            tail=[],
        )

    def normal(self, endpoint: Endpoint, direction: str) -> str:
        """HIN or HOUT of a host endpoint, WING or WEGR of a pod."""
        hook = f"{'workload' if endpoint.is_workload else 'normal'} {direction}"
        head = [ESTABLISHED, *self._invalid(hook)]
        if endpoint.is_workload and direction == "egress":
            head += self._encapsulation(hook)
        elif not endpoint.is_workload:
            inward = direction == "ingress"
            listing, peer = (INBOUND, "saddr") if inward else (OUTBOUND, "daddr")
            head += [f"{one} accept" for one in self._failsafes(listing, port="dport", peer=peer)]
        return self._listed(
            endpoint, hook, head=head, allow="return", tail=self._profiles(endpoint, hook)
        )

    def forward(self, endpoint: Endpoint, direction: str) -> str:
        """HFWD-in or HFWD-out."""
        hook = f"forward {direction}"
        head = [ESTABLISHED, *self._invalid(hook)]
        return self._listed(endpoint, hook, head=head, allow="return", tail=[])

    def _invalid(self, hook: str) -> list[str]:
        return [f"{check} {denied(*hook.split())}" for check in self._checks]

    def _encapsulation(self, hook: str) -> list[str]:
        felix, drop = self._host.felix, denied(*hook.split())
        found = []
        if not felix.get("allowVXLANPacketsFromWorkloads"):
            found.append(f"meta l4proto {UDP} th dport {_VXLAN_PORT} {drop}")
        if not felix.get("allowIPIPPacketsFromWorkloads"):
            found.append(f"meta l4proto {IPIP} {drop}")
        return found

    def _profiles(self, endpoint: Endpoint, hook: str) -> list[str]:
        for name in endpoint.profiles:
            known = self._world.profiles.get(name)
            if known is None:
                break
            if known.allows:
                return ["return"]
        return [denied(*hook.split())]

    def _listed(
        self, endpoint: Endpoint, hook: str, *, head: list[str], allow: str, tail: list[str]
    ) -> str:
        """A chain: `head`, then the tiers of the hook's list, then `tail`."""
        category, direction = hook.split()
        attached = self._host.attached[endpoint]
        tiers = {
            "untracked": attached.untracked,
            "preDNAT": attached.pre_dnat,
            "forward": attached.forward,
        }.get(category, attached.normal)
        name = f"{self._names[endpoint]}-{category}-{direction}"
        live = [
            (tier, policies)
            for tier in tiers
            if (policies := [one for one in tier.policies if _is_live(one, direction)])
        ]
        starts = [f"{name}-{number}" for number in range(len(live))] + [f"{name}-end"]
        self.rules.chain(starts[-1], tail)
        for (tier, policies), own, after in zip(live, starts, starts[1:], strict=False):
            verdicts = {"Allow": allow, "Pass": f"goto {after}"}
            lines = [*self._tier(policies, category, direction, verdicts=verdicts)]
            open_ended = category in {"untracked", "preDNAT"} or not tier.denies_at_end
            end = f"goto {after}" if open_ended else denied(category, direction)
            self.rules.chain(own, [*lines, end])
        return self.rules.chain(name, [*head, f"goto {starts[0]}"])

    def _tier(
        self, policies: list[Policy], category: str, direction: str, *, verdicts: dict[str, str]
    ) -> Iterator[str]:
        for policy in policies:
            for rule in policy.rules[direction]:
                end = denied(category, direction, f"{policy.full_name} {rule.index}")
                verdict = {**verdicts, "Deny": end}.get(rule.action)
                if verdict:  # Log decides nothing
                    yield from (f"{match} {verdict}" for match in self._matches.of(rule))

    def _failsafes(self, listing: str, *, port: str, peer: str) -> Iterator[str]:
        entries = self._host.felix.get(listing)
        if entries is None:
            for name, ports in _FAILSAFES[listing].items():
                numbers = ", ".join(map(str, ports))
                yield f"meta l4proto {protocol_number(name)} th {port} {{{numbers}}}"
            return
        for entry in entries:
            match = f"meta l4proto {protocol_number(entry['protocol'])} th {port} {entry['port']}"
            yield f"{_peer(entry, peer)}{match}"


def _peer(entry: Raw, peer: str) -> str:
    if not entry.get("net"):
        return ""
    net = ip_network(entry["net"], strict=False)
    return f"{'ip' if net.version == 4 else 'ip6'} {peer} {net} "


def _is_live(policy: Policy, direction: str) -> bool:
    return direction in policy.directions and not policy.staged
