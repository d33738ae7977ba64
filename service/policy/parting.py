"""Many packets that part on their way: they are walked apart from the start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.policy.extent import DividedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from service.net.headerspace import HeaderSpace
    from service.policy.ledger import Outcome
    from service.policy.walk import Walk


def walked(packets: HeaderSpace, go: Callable[[HeaderSpace], Walk]) -> Iterator[Outcome]:
    """What becomes of *packets* on the way that *go* leads them, walked apart where they part."""
    waiting = [packets]
    while waiting:
        packets = waiting.pop()
        if not packets:
            continue
        try:
            walk = go(packets)
        except DividedError as parted:
            waiting += [packets - parted.sent, packets & parted.sent]
            continue
        yield from walk.ledger.outcomes(packets, walk.live.may)
