"""Where routers outside the cluster send the addresses of Services.

No object holds that. Without a route the address is not reached from outside.
"""

from collections.abc import Mapping
from ipaddress import ip_address, ip_network

from tests.reference.hosts import Host
from tests.reference.packet import Address
from tests.reference.policies import Raw


class Routes:
    """Given routes by prefix, and the one that a flow's own `via` implies for its destination."""

    def __init__(self, prefixes: Mapping[str, str], flow: Raw, hosts: Mapping[str, Host]) -> None:
        self._hosts = hosts
        self._nodes = {ip_network(prefix): node for prefix, node in prefixes.items()}
        if "via" in flow and "ip" in flow["to"]:
            self._nodes[ip_network(ip_address(flow["to"]["ip"]))] = flow["via"]["node"]

    def get(self, address: Address) -> Host | None:
        """The node that gets packets for the address: the longest prefix; None without a route."""
        prefixes = [prefix for prefix in self._nodes if address in prefix]
        longest = max(prefixes, key=lambda prefix: prefix.prefixlen, default=None)
        return None if longest is None else self._hosts.get(self._nodes[longest])
