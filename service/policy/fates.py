"""What chains make of packets, worked out once: endpoints that are alike have one chain.

A chain that differs from one known before in rules that the packets at hand cannot meet gives the same
answer, so that the answers for most packets outlive a change of policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.policy.cause import Hook
from service.policy.hooks import Chain, evaluate
from service.policy.relevance import RuleIndex

if TYPE_CHECKING:
    from collections.abc import Container

    from service.net.headerspace import Bounds
    from service.net.intervals import IntervalSet
    from service.policy.match import Matcher
    from service.policy.partition import Partition
    from service.policy.relevance import Stretch

_MEMO_LIMIT = 20_000
_ENDLESS = frozenset({Hook.UNTRACKED, Hook.PRE_DNAT})
"""The hooks at which the end of a tier decides nothing, so that a tier without rules says nothing."""


class Chains:
    """Chains by their content, each with the index of its rules. They rest on nothing but policy."""

    def __init__(self) -> None:
        self._known: dict[Chain, Chain] = {}
        self._indexes: dict[int, tuple[Chain, RuleIndex]] = {}

    def one(self, chain: Chain) -> Chain:
        """The one object for all chains that are equal to *chain*."""
        if len(self._known) >= _MEMO_LIMIT:
            self._known.clear()
            self._indexes.clear()
        return self._known.setdefault(chain, chain)

    def index(self, chain: Chain) -> RuleIndex:
        """The index of the rules of a chain that `one` gave."""
        known = self._indexes.get(id(chain))
        if known is None:
            # The chain is kept beside its index: its identity is the key.
            known = (chain, RuleIndex(chain.tiers, chain.direction))
            self._indexes[id(chain)] = known
        return known[1]

    def alike(self, chain: Chain, protocol: int, port: int) -> IntervalSet:
        """The ports, *port* among them, that no rule of *chain* tells apart in packets of *protocol*."""
        return self.index(chain).alike(protocol, port)


class Fates:
    """What becomes of packets at chains, by the addresses of one moment."""

    def __init__(self) -> None:
        self._by_chain: dict[tuple[int, Bounds], tuple[Chain, Partition]] = {}
        self._by_content: dict[tuple[object, ...], Partition] = {}

    def of(
        self,
        chain: Chain,
        live: Bounds,
        chains: Chains,
        *,
        matcher: Matcher,
        namespaces: Container[str],
    ) -> Partition:
        """The fate of *live* packets at *chain*."""
        key = (id(chain), live)
        known = self._by_chain.get(key)
        if known is None:
            if len(self._by_chain) >= _MEMO_LIMIT:
                self._by_chain.clear()
                self._by_content.clear()
            stretches = chains.index(chain).meeting(live.may)
            content = (_content(chain, stretches), live)
            partition = self._by_content.get(content)
            if partition is None:
                partition = self._by_content[content] = evaluate(
                    chain, live, matcher=matcher, namespaces=namespaces, stretches=stretches
                )
            # As above, the chain is kept for its identity.
            known = self._by_chain[key] = (chain, partition)
        return known[1]


def _content(chain: Chain, stretches: tuple[Stretch, ...]) -> object:
    """What a walk over *chain* depends on when it meets *stretches*."""
    rules: object = stretches
    if chain.hook in _ENDLESS:
        rules = tuple((one.tier, one.lines) for one in stretches if one.lines)
    return (
        chain.hook,
        chain.direction,
        chain.felix,
        chain.profiles,
        chain.wildcard,
        chain.doubts,
        rules,
    )
