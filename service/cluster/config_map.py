"""One ConfigMap, read again and again: settings that an owner changes while the doors run."""

from __future__ import annotations

import random
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import orjson

from service.cluster.kube import RequestError
from service.errors import InputError
from service.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from service.cluster.kube import Client

PERIOD_S: Final = 2.0
_READ_S: Final = 5.0
_LOG = logger(__name__)


class LiveConfigMap:
    """Tells what a ConfigMap holds whenever that changes. One thread reads.

    One that is not there holds nothing. What cannot be read, or cannot be used, leaves the last good
    content in force.
    """

    def __init__(
        self,
        client: Client,
        place: str,
        use: Callable[[Mapping[str, str]], None],
        *,
        period_s: float = PERIOD_S,
    ) -> None:
        """That at *place*, ``namespace/name``. *use* raises InputError for content that it cannot use."""
        namespace, _, name = place.partition("/")
        self._path = f"/api/v1/namespaces/{namespace}/configmaps/{name}"
        self._place = place
        self._client = client
        self._use = use
        self._period_s = period_s
        self._told: Mapping[str, str] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="config-map", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def close(self) -> None:
        """End; the thread is waited for, 5 s at most."""
        self._stop.set()
        self._thread.join(_READ_S)

    def look(self) -> None:
        """Read once, and tell what is new. Raises: RequestError, InputError."""
        data = self._read()
        if data != self._told:
            self._told = data
            self._use(data)
            _LOG.info("config_map_in_force", place=self._place, keys=sorted(data))

    def _read(self) -> Mapping[str, str]:
        try:
            body = orjson.loads(self._client.get(self._path, timeout_s=_READ_S))
        except RequestError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return {}
            raise
        return body.get("data") or {}

    def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                self.look()
            except (RequestError, InputError) as error:
                _LOG.warning("config_map_kept", place=self._place, reason=str(error))
            except Exception:  # noqa: BLE001  # the root of a thread: it goes on
                _LOG.exception("config_map_defect", place=self._place)
            self._stop.wait(self._period_s * random.uniform(0.8, 1.2))  # noqa: S311  # to spread load
