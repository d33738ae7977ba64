"""The destinations of a question, cut into those that packets go to by one way.

What the way depends on, of the destination: which node has the address, or whose pod, which pools and
networks it is in, and whether some node translates packets for its port. A way that comes to depend on
something else is to be cut here too; `Walk.within` cuts by everything else, on the way.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from service.net.headerspace import Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.policy.entries import LOOPBACK
from service.policy.kube_proxy import Socket
from service.policy.topology import loopback_addresses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.net.prefixes import Address, Family
    from service.policy.topology import Topology
    from service.policy.translation import Translator
    from service.policy.world import World

_NONE = 0
"""The protocol of packets that nobody translates, whichever it is."""


@dataclass(frozen=True, slots=True)
class Target:
    """Packets that go to one place by one way. ``socket`` stands for the destination of all of them; it
    has no port where nobody translates them, and ``protocol`` is 0 there.

    ``place`` is the node that has the address, or whose pod has it; "" where there is none.
    """

    socket: Socket
    protocol: int
    place: str
    packets: HeaderSpace


class Targets:
    """The ways to the addresses of one family in one world; made in O(addresses log networks)."""

    def __init__(
        self, world: World, topology: Topology, translator: Translator, *, family: Family
    ) -> None:
        """The ways in *world*, whose addresses *topology* has and whose Services *translator*."""
        self._topology = topology
        self._translator = translator
        self._family = family
        self._networks = _Networks(world, topology, family)
        self._places = tuple(self._all_places())

    def cut(self, packets: HeaderSpace) -> Iterator[Target]:
        """*packets* by the ways that they go: disjoint, and all of them."""
        asked = packets.project(Field.DST)
        for place in self._places:
            here = place & asked
            if here:
                yield from self._by_port(packets.restrict(Field.DST, here))

    def _by_port(self, packets: HeaderSpace) -> Iterator[Target]:
        first = (self._family, packets.project(Field.DST).ranges[0][0])
        node = self._topology.place(first)
        for protocol, port in sorted(self._translator.ports(first)):
            fields = {Field.PROTOCOL: protocol, Field.DST_PORT: port}
            box = {field: IntervalSet.single(value) for field, value in fields.items()}
            translated = packets & HeaderSpace.box(self._family, box)
            if translated:
                yield Target(Socket(first, port), protocol, node, translated)
                packets = packets - translated
        if packets:
            yield Target(Socket(first, None), _NONE, node, packets)

    def _all_places(self) -> Iterator[IntervalSet]:
        alike: dict[object, list[int]] = {}
        for value in self._singles():
            alike.setdefault(self.likeness((self._family, value)), []).append(value)
        singles: list[IntervalSet] = []
        for values in alike.values():
            addresses = IntervalSet.of(*((value, value) for value in values))
            singles.append(addresses)
            yield addresses
        known = IntervalSet.union_all(singles)
        for network in self._networks.cells():
            rest = network - known
            if rest:
                yield rest

    def _singles(self) -> Iterator[int]:
        """Every address of which something is known that its networks do not tell."""
        of_family = (
            *self._topology.addresses(),
            *(address for address in self._translator.virtual_addresses()),
        )
        return iter(dict.fromkeys(value for family, value in of_family if family is self._family))

    def likeness(self, address: Address) -> object:
        """What addresses agree in to which packets go by one way."""
        if self._topology.owner(address) or self._translator.ports(address):
            return address
        pod = self._topology.pod(address)
        return pod.node if pod else "", self._networks.cell_of(address[1])


class _Networks:
    """The networks that routes and pools know of, as cells: addresses that are in the same ones."""

    def __init__(self, world: World, topology: Topology, family: Family) -> None:
        nets = [
            loopback_addresses(family),
            topology.unknown_pods(family),
            *(IntervalSet.of((one.lo, one.hi)) for one in topology.pools.networks(family)),
            *_connected(world, family),
        ]
        everything = IntervalSet.of((0, family.max_address))
        cells = [everything]
        for net in dict.fromkeys(nets):
            cells = [part for cell in cells for part in (cell & net, cell - net) if part]
        self._cells = tuple(cells)
        ends = sorted((lo, index) for index, cell in enumerate(cells) for lo, _ in cell)
        self._starts = [lo for lo, _ in ends]
        self._owners = [index for _, index in ends]

    def cells(self) -> tuple[IntervalSet, ...]:
        """The cells: disjoint, and all addresses."""
        return self._cells

    def cell_of(self, value: int) -> int:
        """The number of the cell that an address is in."""
        return self._owners[bisect_right(self._starts, value) - 1]


def _connected(world: World, family: Family) -> Iterator[IntervalSet]:
    """The networks that nodes are directly connected to."""
    for node in world.nodes.values():
        for interface in node.interfaces or ():
            if interface.name == LOOPBACK:
                continue
            for own in interface.addresses:
                if own.address[0] is family:
                    mask = family.max_address >> own.length
                    yield IntervalSet.of((own.address[1] & ~mask, own.address[1] | mask))


def targets(world: World, topology: Topology, translator: Translator, *, family: Family) -> Targets:
    """The ways to the addresses of *family*, worked out once and kept with *world*."""
    key = (__name__, family)
    if key not in world.memo:
        world.memo[key] = Targets(world, topology, translator, family=family)
    return cast("Targets", world.memo[key])
