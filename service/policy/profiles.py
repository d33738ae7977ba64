"""Profiles: what endpoints inherit from namespaces and accounts, and from profiles of a user's own.

With the Kubernetes datastore there are only those that namespaces and service accounts give, and the static
one; other datastores keep Profile objects. Source: libcalico-go/lib/backend/k8s/conversion/conversion.go,
libcalico-go/lib/resources/static.go, felix/calc/active_rules_calculator.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from service.model.kinds.profile import Profile
from service.policy.cause import Direction
from service.policy.convert import rules_of
from service.policy.workloads import (
    NAMESPACE_PROFILE,
    SERVICE_ACCOUNT_PROFILE,
    Labels,
    namespace_labels,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from service.model.meta import Meta
    from service.model.snapshot import Snapshot
    from service.policy.convert import PolicyRule


@dataclass(frozen=True, slots=True, eq=False)
class ProfileRules:
    """A profile with rules of its own; it decides nothing of what they do not match. By identity."""

    meta: Meta
    ingress: tuple[PolicyRule, ...]
    egress: tuple[PolicyRule, ...]

    def rules(self, direction: Direction) -> tuple[PolicyRule, ...]:
        """The rules of one direction."""
        return self.ingress if direction is Direction.INGRESS else self.egress


Entry: TypeAlias = str | ProfileRules


class Profiles:
    """The profiles of one snapshot, by name."""

    def __init__(self, snapshot: Snapshot) -> None:
        """The profiles of *snapshot*."""
        self._labels = Labels(snapshot)
        self._own = {ref.name: one for ref, one in snapshot.all(Profile).items()}
        self._rules: dict[str, ProfileRules] = {}

    def entries(self, names: Iterable[str]) -> tuple[Entry, ...]:
        """What an endpoint that lists *names* has of them, in order; those without rules are left out.

        A name is left where nothing more is known of it than that: the chain decides by it.
        """
        return tuple(self._entries(names))

    def _entries(self, names: Iterable[str]) -> Iterator[Entry]:
        for name in names:
            if name in self._own:
                yield self._with_rules(name)
            elif self._account(name) is not True:
                yield name

    def _with_rules(self, name: str) -> ProfileRules:
        known = self._rules.get(name)
        if known is None:
            one = self._own[name]
            known = ProfileRules(one.meta, rules_of(one.ingress), rules_of(one.egress))
            self._rules[name] = known
        return known

    def doubts(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Which of *names* may or may not exist, where one after it could allow."""
        unsure = [
            name
            for name in names[:-1]
            if name not in self._own
            and name.startswith(SERVICE_ACCOUNT_PROFILE)
            and self._account(name) is None
        ]
        return tuple(f"whether there is a profile {name} is not known" for name in unsure)

    def _account(self, name: str) -> bool | None:
        """Whether *name* is the profile of an account that exists; None where that is not known."""
        if not name.startswith(SERVICE_ACCOUNT_PROFILE):
            return False
        namespace, _, account = name.removeprefix(SERVICE_ACCOUNT_PROFILE).partition(".")
        return self._labels.has_account(namespace, account)

    def labels(self, names: tuple[str, ...]) -> dict[str, str]:
        """The labels that profiles give, the first that has one before the others."""
        found: dict[str, str] = {}
        for name in reversed(names):
            found |= self._labels_of(name)
        return found

    def _labels_of(self, name: str) -> Mapping[str, str]:
        if name in self._own:
            return self._own[name].labels_to_apply
        if name.startswith(NAMESPACE_PROFILE):
            known = self._labels.namespace(name.removeprefix(NAMESPACE_PROFILE))
            return namespace_labels(known.meta.ref.name, known) if known else {}
        if self._account(name):
            namespace, _, account = name.removeprefix(SERVICE_ACCOUNT_PROFILE).partition(".")
            return self._labels.of_account(namespace, account)
        return {}
