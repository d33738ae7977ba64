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

    from service.net.headerspace import Bounds, HeaderSpace
    from service.policy.match import Matcher
    from service.policy.partition import Partition
    from service.policy.relevance import Stretch

_MEMO_LIMIT = 20_000
_FATES = 2_000
"""What outlives a change of policy is forgotten at so many entries, and worked out anew: a cluster whose
policies change for weeks would fill the memory otherwise."""
_ENDLESS = frozenset({Hook.UNTRACKED, Hook.PRE_DNAT})
"""The hooks at which the end of a tier decides nothing, so that a tier without rules says nothing."""


class Chains:
    """Chains by their content, each with the index of its rules. They rest on nothing but policy."""

    def __init__(self) -> None:
        self._known: dict[Chain, Chain] = {}
        self._indexes: dict[int, tuple[Chain, RuleIndex]] = {}
        self._contents: dict[tuple[int, int], tuple[object, object]] = {}
        self._interned: dict[object, object] = {}

    def one(self, chain: Chain) -> Chain:
        """The one object for all chains that are equal to *chain*."""
        if len(self._known) >= _MEMO_LIMIT:
            for store in (self._known, self._indexes, self._contents, self._interned):
                store.clear()
        return self._known.setdefault(chain, chain)

    def index(self, chain: Chain) -> RuleIndex:
        """The index of the rules of a chain that `one` gave."""
        known = self._indexes.get(id(chain))
        if known is None:
            # The chain is kept beside its index: its identity is the key.
            known = (chain, RuleIndex(chain.tiers, chain.direction))
            self._indexes[id(chain)] = known
        return known[1]

    def content(self, chain: Chain, packets: HeaderSpace) -> object:
        """What *packets* can meet in *chain*: one object for all chains in which that is the same."""
        stretches = self.index(chain).meeting(packets)
        key = (id(chain), id(stretches))
        known = self._contents.get(key)
        if known is None:
            if len(self._contents) >= _MEMO_LIMIT:
                self._contents.clear()
            content = _content(chain, stretches)
            # As above, the stretches are kept for their identity.
            known = (stretches, self._interned.setdefault(content, content))
            self._contents[key] = known
        return known[1]


class Fates:
    """What becomes of packets at chains, by the addresses of one moment."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, Bounds], tuple[object, Partition]] = {}

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
        content = chains.content(chain, live.may)
        known = self._known.get((id(content), live))
        if known is None:
            if len(self._known) >= _FATES:
                self._known.clear()
            stretches = chains.index(chain).meeting(live.may)
            partition = evaluate(
                chain, live, matcher=matcher, namespaces=namespaces, stretches=stretches
            )
            # As above, the content is kept for its identity.
            known = self._known[id(content), live] = (content, partition)
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
