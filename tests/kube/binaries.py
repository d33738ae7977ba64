"""Where the programs are that the tests against a real API server run.

Those of ``KUBEBUILDER_ASSETS`` come first, as everybody's envtest has them; then what ``tests/kube/build``
has built; then, but for the API server, what is on PATH.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_BUILD = Path(__file__).with_name("build")


class MissingError(Exception):
    """A program that is nowhere; says how to come by it."""


@dataclass(frozen=True, slots=True)
class Binaries:
    kube_apiserver: str
    etcd: str
    kubectl: str


def find() -> Binaries:
    """Raises: MissingError."""
    return Binaries(
        program("kube-apiserver", "run `make kube`, which needs Go 1.26"),
        program("etcd", "run `make kube`, which needs Go 1.26"),
        program("kubectl", "run `make kube`, which needs Go 1.26"),
    )


def program(name: str, cure: str) -> str:
    """Raises: MissingError."""
    folders = [os.environ.get("KUBEBUILDER_ASSETS", ""), _built()]
    for folder in filter(None, folders):
        found = Path(folder, name)
        if found.is_file():
            return str(found)
    on_path = None if name == "kube-apiserver" else shutil.which(name)
    if on_path is None:
        raise MissingError(f"no {name}: {cure}, or set KUBEBUILDER_ASSETS")
    return on_path


def _built() -> str:
    return subprocess.run(
        [_BUILD, "--folder"], check=True, capture_output=True, text=True
    ).stdout.strip()
