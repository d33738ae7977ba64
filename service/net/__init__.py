"""Floor 0: the mathematics of packets.

Here belong sets of integers, addresses and prefixes, sets of packets and the single packet.
Nothing here knows Calico, Kubernetes or labels; nothing imports more than the standard library.
Every value is immutable and exact: a set that cannot be told exactly is a `Bounds` of two that can.
Ranges are closed, `[lo, hi]`, everywhere.
"""
