"""One application, a Service with a node port and the policy that guards it, in the form of each tool.

Each tool applies them in its own order, and none of them tells the server what comes next.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kube.client import Object
    from tests.kube.server import ApiServer

WAVE = "argocd.argoproj.io/sync-wave"
HOOK = {"helm.sh/hook": "pre-install,pre-upgrade"}

Result = Any


def service(name: str = "web", port: int = 30080) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "type": "NodePort",
            "selector": {"app": name},
            "ports": [{"port": 80, "nodePort": port}],
        },
    }


def guard(name: str = "web-guard", port: int = 30080, **annotations: str) -> Object:
    """A policy that lets one network call the port and denies it to everybody else."""
    only = {"protocol": "TCP", "destination": {"ports": [port]}}
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": "GlobalNetworkPolicy",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {
            "order": 10,
            "selector": "has(node)",
            "preDNAT": True,
            "applyOnForward": True,
            "types": ["Ingress"],
            "ingress": [
                {"action": "Allow", "source": {"nets": ["10.0.0.0/8"]}} | only,
                {"action": "Deny"} | only,
            ],
        },
    }


def write(folder: Path, *objects: Object) -> Path:
    """A folder with a file for each object, named so that they sort in this order."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, one in enumerate(objects):
        name = f"{index:02}-{one['kind'].lower()}.yaml"
        (folder / name).write_text(yaml.safe_dump(one), encoding="utf-8")
    return folder


def kubectl_folder(server: ApiServer, folder: Path, *objects: Object) -> Result:
    """``kubectl apply -f FOLDER``: file by file, as their names sort."""
    return server.kubectl("apply", "-f", str(write(folder, *objects)))


def kustomize(server: ApiServer, folder: Path, *objects: Object) -> Result:
    """``kubectl apply -k FOLDER``."""
    write(folder, *objects)
    resources = sorted(path.name for path in folder.iterdir())
    (folder / "kustomization.yaml").write_text(json.dumps({"resources": resources}))
    return server.kubectl("apply", "-k", str(folder))


def helm(server: ApiServer, program: str, folder: Path, *objects: Object) -> Result:
    """``helm upgrade --install`` of a chart that holds the objects."""
    write(folder / "templates", *objects)
    chart = {"apiVersion": "v2", "name": "web", "version": "1.0.0"}
    (folder / "Chart.yaml").write_text(json.dumps(chart), encoding="utf-8")
    return server.run(program, "upgrade", "--install", "web", str(folder), "--namespace", "default")


def argo(server: ApiServer, folder: Path, *objects: Object) -> Result:
    """What Argo CD does in a sync: by wave, then by kind, then by name, until something fails.

    Source: argo-cd gitops-engine pkg/sync/sync_tasks.go (kinds that Kubernetes does not know come last).
    """
    write(folder, *objects)
    result = None
    for path in sorted(folder.iterdir(), key=lambda path: _argo_order(path.read_text())):
        result = server.kubectl("apply", "-f", str(path))
        if result.returncode:
            return result
    return result


def _argo_order(text: str) -> tuple[int, bool, str]:
    one = yaml.safe_load(text)
    annotations = one["metadata"].get("annotations") or {}
    return int(annotations.get(WAVE, 0)), one["kind"] != "Service", one["metadata"]["name"]
