"""Events that wait for nothing, repeat nothing within minutes, and are dropped where there are too many.

They help people to find what happened; what is kept for good is in journal and store.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from service.cluster.happening import Happening, publish
from service.cluster.kube import RequestError
from service.serving.rates import Rates
from service.telemetry import count_event, logger

if TYPE_CHECKING:
    from service.cluster.kube import Client

QUEUE: Final = 200
REPEAT_S: Final = 300.0
PER_NAMESPACE_AND_SECOND: Final = 5

_REMEMBERED: Final = 2000
_TIMEOUT_S: Final = 5.0
_LOG = logger(__name__)


class Publisher:
    """Publishes Events in a thread of its own. Any thread may tell it."""

    def __init__(self, client: Client, instance: str) -> None:
        """Nothing is published before `start`."""
        self._client = client
        self._instance = instance
        self._pending: queue.Queue[Happening | None] = queue.Queue(QUEUE)
        self._rates = Rates(PER_NAMESPACE_AND_SECOND)
        self._lock = threading.Lock()
        self._recent: OrderedDict[tuple[str, ...], float] = OrderedDict()
        self._thread = threading.Thread(target=self._publish, name="publisher", daemon=True)

    def start(self) -> None:
        """Begin to publish."""
        self._thread.start()

    def close(self) -> None:
        """Publish what is pending, 5 s at most, and end."""
        self._pending.put(None)
        self._thread.join(_TIMEOUT_S)

    def tell(self, happening: Happening) -> None:
        """Publish *happening* soon, if the same was not told of its object lately; returns at once."""
        if not self._is_new(happening):
            return
        if self._rates.wait_s(happening.namespace):
            count_event(published=False)
            return
        try:
            self._pending.put_nowait(happening)
        except queue.Full:
            count_event(published=False)

    def _is_new(self, happening: Happening) -> bool:
        key = (happening.kind, happening.namespace, happening.name, happening.reason)
        now = time.monotonic()
        with self._lock:
            told_at = self._recent.get(key)
            if told_at is not None and now - told_at < REPEAT_S:
                return False
            self._recent[key] = now
            self._recent.move_to_end(key)
            if len(self._recent) > _REMEMBERED:
                self._recent.popitem(last=False)
            return True

    def _publish(self) -> None:
        while (happening := self._pending.get()) is not None:
            try:
                publish(self._client, happening, self._instance, timeout_s=_TIMEOUT_S)
                count_event(published=True)
            except RequestError as error:
                count_event(published=False)
                _LOG.warning("event_not_published", reason=str(error))
            except Exception:  # noqa: BLE001  # the root of a thread: it goes on
                _LOG.exception("publisher_failed")
