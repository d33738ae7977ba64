"""Whether a caller holds a right, asked of the API server that authenticated him."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.cluster.kube import Client

GROUP: Final = "checks.nodeward.io"
VERB: Final = "bypass"
_PATH: Final = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent a request to the API server, as that told us."""

    user: str
    groups: Sequence[str] = ()
    uid: str = ""
    extra: Mapping[str, Sequence[str]] = field(default_factory=dict)


def may_bypass(client: Client, caller: Caller, check: str, *, timeout_s: float) -> bool:
    """Whether *caller* holds the verb ``bypass`` on *check*, a resource of ``checks.nodeward.io``.

    A role grants it by ``apiGroups: [checks.nodeward.io]``, ``resources: [CHECK]``, ``verbs: [bypass]``.
    One SubjectAccessReview.

    Raises: RequestError.
    """
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": caller.user,
            "groups": [*caller.groups],
            "uid": caller.uid,
            "extra": {name: [*values] for name, values in caller.extra.items()},
            "resourceAttributes": {"group": GROUP, "resource": check, "verb": VERB},
        },
    }
    answer = orjson.loads(client.post(_PATH, review, timeout_s=timeout_s))
    return answer.get("status", {}).get("allowed") is True
