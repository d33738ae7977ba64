"""Which policies meant for pods select hosts, because hosts lack the label that a selector negates?

docs/checks/negative-namespace-selector.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.checks.contract import Check
from service.checks.hosts.kinds import selected_hosts
from service.checks.hosts.proof import denials, some
from service.checks.mending.hosts import for_pods_only
from service.checks.verdict import Result, Severity, Verdict
from service.model.kinds.global_network_policy import GlobalNetworkPolicy
from service.model.selector import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.settings import CheckSettings
    from service.policy.world import World

_ID = "negative-namespace-selector"
_FIELDS = {
    "namespaceSelector": "projectcalico.org/name",
    "serviceAccountSelector": "projectcalico.org/name",
}


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """A verdict for each policy whose own selector asks nothing of hosts, and which selects some."""
    del settings
    for ref, written in world.snapshot.all(GlobalNetworkPolicy).items():
        field = "namespaceSelector" if written.namespace_selector else "serviceAccountSelector"
        if not (written.namespace_selector or written.service_account_selector):
            continue
        if written.selector and not parse(written.selector).matches({}):
            continue
        policy = world.find_policy(ref)
        hosts = selected_hosts(world, policy) if policy else ()
        if policy is None or not hosts:
            continue
        proof = denials(world, hosts, policy)
        names = sorted(hep.meta.ref.name for hep in hosts)
        yield Verdict(
            check=_ID,
            subject=ref,
            result=Result.FAIL if proof else Result.WARN,
            severity=Severity.HIGH if proof else Severity.LOW,
            reason="denies-hosts" if proof else "selects-hosts",
            message=f"its {field} negates a label that no host has, so that it selects host endpoints, "
            f"too ({some(names)})" + (", and denies them packets" if proof else ""),
            advice=f'Ask for pods first: write "has({_FIELDS[field]}) && …" in the {field}.',
            location=written.meta.location.at(f"/spec/{field}"),
            witness=proof.witness if proof else None,
            causes=proof.causes if proof else (),
            space=proof.space if proof else None,
            details={"hostEndpoints": [*names]},
        )


CHECK = Check(
    id=_ID,
    title="Policies for pods that select hosts unawares",
    severity=Severity.HIGH,
    subjects=frozenset({"GlobalNetworkPolicy"}),
    reasons={
        "denies-hosts": "The policy selects host endpoints by negation, and denies packets there.",
        "selects-hosts": "The policy selects host endpoints by negation, and denies nothing there today.",
    },
    audit=audit,
    remedies=for_pods_only,
)
