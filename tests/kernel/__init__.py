"""The chains of Calico's packet path in a real kernel, with real packets.

What Felix and kube-proxy would program on each node is rendered into nftables here, without any code of
the engine; objects are read as tests/reference reads them. The nodes, pods and the network outside are
network namespaces. A packet counts as allowed where a raw socket at its destination, behind all hooks,
has seen it.
"""
