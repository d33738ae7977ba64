"""What a machine needs for this: the tools, and network namespaces."""

from __future__ import annotations

import shutil
import subprocess

ISOLATION = ("unshare", "--user", "--map-root-user", "--net", "--")
_TOOLS = {"unshare": "util-linux", "ip": "iproute2", "bridge": "iproute2", "nft": "nftables"}
_PROBE = "table inet probe {\n chain probe {\n type nat hook output priority 0\n }\n}\n"


def unavailable() -> str:
    """Why this machine cannot do it; "" if it can."""
    missing = sorted({package for tool, package in _TOOLS.items() if not shutil.which(tool)})
    if missing:
        names = " ".join(missing)
        return f"not installed: {names} (as root, tests/system-packages {names} does it)"
    command = [*ISOLATION, "nft", "-f", "-"]
    tried = subprocess.run(command, input=_PROBE, text=True, capture_output=True, check=False)
    if tried.returncode:
        return f"no network namespace of its own: {tried.stderr.strip()}"
    return ""
