"""AdmissionReviews as an API server sends them."""

from __future__ import annotations

UID = "705ab4f5-6393-11e8-b7cc-42010a800002"
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "bar", "namespace": "shop"},
    "spec": {
        "type": "ClusterIP",
        "clusterIP": "10.96.0.7",
        "ports": [{"port": 80, "protocol": "TCP", "targetPort": 8080}],
    },
}


def make_review(**request: object) -> dict[str, object]:
    """The CREATE of a Service; *request* replaces fields of its request."""
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": UID,
            "kind": {"group": "", "version": "v1", "kind": "Service"},
            "resource": {"group": "", "version": "v1", "resource": "services"},
            "name": "bar",
            "namespace": "shop",
            "operation": "CREATE",
            "userInfo": {"username": "jane", "uid": "1", "groups": ["dev", "system:authenticated"]},
            "object": SERVICE,
            "oldObject": None,
            "dryRun": False,
            "options": {"kind": "CreateOptions"},
        }
        | request,
    }
