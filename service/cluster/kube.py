"""An API server, spoken to in raw JSON: the only import of the package ``kubernetes``.

That package finds out where the server is and who we are: in a pod, from a kubeconfig, by an exec plugin,
through a proxy. Its typed models are left alone. It is imported when a client is made, so that whoever
reads manifests only never pays for it.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import orjson
from urllib3 import Timeout
from urllib3.exceptions import HTTPError

from service.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kubernetes.client import ApiClient
    from urllib3 import BaseHTTPResponse

IN_POD: Final = "in-cluster"
"""The name of the cluster that a pod without any kubeconfig is in."""

CONNECT_S: Final = 5.0
READ_S: Final = 30.0

_JSON: Final = "application/json"
_KEEPALIVE_S: Final = (15, 5, 3)
"""A peer that is gone is noticed after idle + interval * count seconds."""
_RELOAD_PAUSE_S: Final = 5.0
_CONNECTIONS: Final = 64
_PIECE_BYTES: Final = 2**16
_LINE_LIMIT_BYTES: Final = 2**26
_TOLD_CHARACTERS: Final = 300


class RequestError(SourceError):
    """An API server that refuses a request, or does not answer it (``status`` 0)."""

    def __init__(self, detail: str, *, status: int = 0, retry_after_s: float = 0.0) -> None:
        super().__init__(detail)
        self.status = status
        self.retry_after_s = retry_after_s

    @property
    def is_gone(self) -> bool:
        """Whether the server no longer knows the resourceVersion or the page that was asked for."""
        return self.status == HTTPStatus.GONE


class SilenceError(RequestError):
    """A body of which nothing arrived for as long as was waited."""


def runs_in_pod() -> bool:
    """Whether this process runs in a pod of the cluster that it is to watch."""
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST"))


def contexts() -> tuple[tuple[str, ...], str]:
    """The names of the kubeconfig's contexts, and the current one.

    Raises: SourceError.
    """
    config = _package().config
    try:
        every, current = config.list_kube_config_contexts(_kubeconfig())
    except (config.ConfigException, OSError, ValueError) as error:
        raise SourceError(f"there is no kubeconfig to use: {error}") from error
    return tuple(one["name"] for one in every), current["name"] if current else ""


@dataclass(frozen=True, slots=True)
class _Request:
    """What is asked of the server; ``timeout_s`` is the longest wait for any bit of the answer."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    timeout_s: float = READ_S
    accept: str = _JSON

    @property
    def target(self) -> str:
        return f"{self.path}{'?' if self.query else ''}{urlencode(self.query)}"

    def headers(self) -> dict[str, str]:
        sent = {} if self.body is None else {"Content-Type": _JSON}
        return {"Accept": self.accept, "User-Agent": "nodeward", **sent}


@dataclass(slots=True)
class _Session:
    """The package's client, and the moment at which its credentials were read."""

    api: ApiClient
    made_at: float = field(default_factory=time.monotonic)


class Client:
    """One API server. Any thread may use it; every call has a time limit for connecting and for reading."""

    def __init__(self, context: str = "") -> None:
        """That of a kubeconfig's *context*; without a name the pod's own, or else the current context.

        Raises: SourceError if there are no credentials.
        """
        self._context = context
        self._lock = threading.Lock()
        self._session = _Session(_load(context))
        self.name = context or (IN_POD if _uses_pod(context) else contexts()[1])

    def get(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        timeout_s: float = READ_S,
        accept: str = _JSON,
    ) -> bytes:
        """The body at *path*.

        Raises: RequestError.
        """
        request = _Request("GET", path, query or {}, timeout_s=timeout_s, accept=accept)
        with self._answer(request) as answer:
            return bytes(answer.data)

    def post(
        self, path: str, document: Mapping[str, object], *, timeout_s: float = READ_S
    ) -> bytes:
        """The body that answers *document*, which is created at *path*.

        Raises: RequestError.
        """
        body = orjson.dumps(document)
        request = _Request("POST", path, body=body, timeout_s=timeout_s)
        with self._answer(request) as answer:
            return bytes(answer.data)

    @contextmanager
    def lines(self, path: str, query: Mapping[str, str], *, silence_s: float) -> Iterator[Stream]:
        """The body at *path* as lines while they arrive; *silence_s* is the longest wait for any of it.

        Raises: RequestError, here and while the lines are read.
        """
        with self._answer(_Request("GET", path, query, timeout_s=silence_s)) as answer:
            yield Stream(answer)

    @contextmanager
    def _answer(self, request: _Request) -> Iterator[BaseHTTPResponse]:
        session = self._session
        answer = self._sent(session.api, request)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            answer.close()
            answer = self._sent(self._renewed(session).api, request)
        try:
            with _told_errors(request.path):
                _refuse_refusal(answer, request.path)
                yield answer
        finally:
            # A connection serves again only if all of the body was read.
            answer.release_conn() if answer.closed else answer.close()

    def _sent(self, api: ApiClient, request: _Request) -> BaseHTTPResponse:
        url = f"{api.configuration.host}{request.target}"
        with _told_errors(request.path):
            response: BaseHTTPResponse = api.rest_client.pool_manager.request(
                request.method,
                url,
                body=request.body,
                headers={**request.headers(), **self._authorization(api)},
                timeout=Timeout(connect=min(CONNECT_S, request.timeout_s), read=request.timeout_s),
                retries=False,
                redirect=False,
                preload_content=False,
            )
        return response

    def _authorization(self, api: ApiClient) -> dict[str, str]:
        """The header of the token, renewed where it has run out: an exec plugin is run once at a time."""
        with self._lock:
            settings = api.configuration.auth_settings()
        token = settings.get("BearerToken", {}).get("value")
        return {"Authorization": token} if token else {}

    def _renewed(self, refused: _Session) -> _Session:
        """A session with the credentials as they are now, unless another thread has just made one."""
        with self._lock:
            recent = time.monotonic() - self._session.made_at < _RELOAD_PAUSE_S
            if self._session is refused and not recent:
                self._session = _Session(_load(self._context))
            return self._session


class Stream:
    """A body that arrives bit by bit. One thread reads it; any may end it."""

    def __init__(self, answer: BaseHTTPResponse) -> None:
        self._answer = answer
        self._is_ended = False

    def __iter__(self) -> Iterator[bytes]:
        """Its lines, without their ends; an unfinished last one is left out.

        Raises: SilenceError; RequestError if one is longer than any object can be.
        """
        rest = b""
        while piece := self._next():
            *whole, rest = (rest + piece).split(b"\n") if b"\n" in piece else (rest + piece,)
            yield from whole
            if len(rest) > _LINE_LIMIT_BYTES:
                raise RequestError("the server sends a line without an end")

    def _next(self) -> bytes:
        """What arrives next, b"" at the end. Raises: SilenceError, or what the package raises."""
        from urllib3.exceptions import ReadTimeoutError  # noqa: PLC0415  # comes with kubernetes

        try:
            return self._answer.read1(_PIECE_BYTES)
        except Exception as error:
            if self._is_ended:
                return b""
            if isinstance(error, ReadTimeoutError):
                raise SilenceError("the API server says nothing any more") from error
            raise

    def end(self) -> None:
        """Let its reader see the end now; nothing happens if it has seen it."""
        self._is_ended = True
        with suppress(Exception):
            self._answer.shutdown()


def _uses_pod(context: str) -> bool:
    return not context and runs_in_pod() and not os.environ.get("KUBECONFIG")


def _kubeconfig() -> str:
    """The files of kubectl, as the environment has them now: the package looks once, when it is imported."""
    return os.environ.get("KUBECONFIG") or "~/.kube/config"


def _load(context: str) -> ApiClient:
    """The package's client with the credentials as they are now.

    Raises: SourceError.
    """
    package = _package()
    config = package.config
    settings = package.client.Configuration()
    try:
        if _uses_pod(context):
            config.load_incluster_config(settings)
        else:
            config.load_kube_config(
                _kubeconfig(),
                context=context or None,
                client_configuration=settings,
                persist_config=False,
            )
    except (config.ConfigException, OSError, ValueError, TypeError, KeyError) as error:
        where = f"context {context}" if context else "this process"
        raise SourceError(f"no credentials for a cluster ({where}): {error}") from error
    settings.connection_pool_maxsize = _CONNECTIONS
    keepalive = package.utils.keepalive.tcp_keepalive_socket_options
    settings.socket_options = keepalive(*_KEEPALIVE_S)
    made: ApiClient = package.client.ApiClient(settings)
    return made


def _package() -> Any:  # noqa: ANN401  # only some of it is typed
    """The package, with the parts of it that are used here."""
    import kubernetes  # noqa: PLC0415  # see above

    return kubernetes


@contextmanager
def _told_errors(path: str) -> Iterator[None]:
    """Every failure on the way as a RequestError, without the address, which the log need not hold."""
    try:
        yield
    except (HTTPError, OSError) as error:
        reason = getattr(error, "reason", None) or error
        detail = f"no answer of the API server to {path}: {type(reason).__name__}"
        raise RequestError(detail) from error


def _refuse_refusal(answer: BaseHTTPResponse, path: str) -> None:
    """Raise what a status other than 200 or 201 means; the message is that of the Status in the body."""
    if answer.status in {HTTPStatus.OK, HTTPStatus.CREATED}:
        return
    message = ""
    with suppress(ValueError, AttributeError):
        message = str(orjson.loads(answer.data).get("message", ""))[:_TOLD_CHARACTERS]
    wait = answer.headers.get("Retry-After", "")
    raise RequestError(
        f"the API server answers {answer.status} to {path}: {message or answer.reason}",
        status=answer.status,
        retry_after_s=float(wait) if wait.isdigit() else 0.0,
    )
