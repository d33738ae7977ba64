"""A client of an API server for tests: raw JSON over one connection."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Object = dict[str, Any]

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
_JSON = "application/json"
_TIMEOUT_S = 60.0
_BUSY_S = 20.0
_DELETE_NOW = {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}


class RefusedError(Exception):
    """An answer of the server that is no success, with its Status."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.message)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    json: Object
    warnings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return self.status < 300

    @property
    def message(self) -> str:
        return str(self.json.get("message", ""))


@dataclass
class Client:
    """Who it is, is told by its token."""

    port: int
    authority: Path
    token: str
    _connection: http.client.HTTPSConnection | None = None
    _resources: dict[tuple[str, str], Object] = field(default_factory=dict)

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.authority)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def request(
        self, method: str, path: str, body: object = None, content_type: str = _JSON
    ) -> Answer:
        """The answer, whatever it is. Raises OSError or HTTPException where there is none.

        A server that asks to be asked again in a moment, because it has begun to serve a kind, is.
        """
        end = time.monotonic() + _BUSY_S
        answer = self._ask(method, path, body, content_type=content_type)
        while answer.status == HTTPStatus.TOO_MANY_REQUESTS and time.monotonic() < end:
            time.sleep(0.2)
            answer = self._ask(method, path, body, content_type=content_type)
        return answer

    def _ask(self, method: str, path: str, body: object, *, content_type: str) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type}
        sent = None if body is None else json.dumps(body).encode()
        is_reused = self._connection is not None
        if self._connection is None:
            self._connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, context=self._trust, timeout=_TIMEOUT_S
            )
        try:
            self._connection.request(method, path, sent, headers)
            answer = self._connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            # A server ends connections that were idle: that is no answer to this request.
            if is_reused and isinstance(error, ssl.SSLEOFError | http.client.RemoteDisconnected):
                return self._ask(method, path, body, content_type=content_type)
            raise
        warnings = tuple(answer.headers.get_all("Warning", ()))
        is_json = answer.headers.get_content_type() == _JSON
        found = json.loads(text) if is_json else {"message": text.decode()}
        return Answer(answer.status, found, warnings)

    def get(self, path: str) -> Object:
        return _granted(self.request("GET", path)).json

    def items(self, path: str) -> list[Object]:
        return self.get(path)["items"]

    def create(self, one: Object, **query: str) -> Object:
        return _granted(self.try_create(one, **query)).json

    def try_create(self, one: Object, **query: str) -> Answer:
        return self.request("POST", self._collection_of(one) + _query(query), one)

    def replace(self, one: Object, **query: str) -> Object:
        return _granted(self.request("PUT", self.path_of(one) + _query(query), one)).json

    def patch(self, one: Object, change: Mapping[str, object]) -> Object:
        return _granted(self.request("PATCH", self.path_of(one), change, MERGE)).json

    def apply(self, one: Object, *, subresource: str = "") -> Object:
        """Create the object, or make it what is said here."""
        path = self.path_of(one) + (f"/{subresource}" if subresource else "")
        query = _query({"fieldManager": "tests", "force": "true"})
        return _granted(self.request("PATCH", path + query, one, APPLY)).json

    def delete(self, one: Object) -> None:
        _granted(self.request("DELETE", self.path_of(one), _DELETE_NOW))

    def delete_all(self, collection: str) -> None:
        """Delete what a path lists: of all namespaces, or of the one that it names."""
        _granted(self.request("DELETE", collection, _DELETE_NOW))

    def path_of(self, one: Object) -> str:
        return f"{self._collection_of(one)}/{one['metadata']['name']}"

    def _collection_of(self, one: Object) -> str:
        version = one["apiVersion"]
        resource = self._resource(version, one["kind"])
        base = f"/apis/{version}" if "/" in version else f"/api/{version}"
        namespace = one["metadata"].get("namespace", "default")
        middle = f"/namespaces/{namespace}" if resource["namespaced"] else ""
        return f"{base}{middle}/{resource['name']}"

    def _resource(self, version: str, kind: str) -> Object:
        """What discovery says of a kind; asked anew only for one that is not known yet."""
        if (version, kind) not in self._resources:
            base = f"/apis/{version}" if "/" in version else f"/api/{version}"
            for one in self.get(base)["resources"]:
                if "/" not in one["name"]:
                    self._resources[version, one["kind"]] = one
        return self._resources[version, kind]


def _query(query: Mapping[str, str]) -> str:
    return f"?{urlencode(query)}" if query else ""


def _granted(answer: Answer) -> Answer:
    if not answer.ok:
        raise RefusedError(answer)
    return answer
