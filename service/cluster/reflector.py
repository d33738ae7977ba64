"""One kind of a live cluster, kept up with: listed once, then watched for as long as it goes.

What a watch missed is asked for again from the last resourceVersion; where the server no longer knows that
one (410), the list is taken anew and replaces what stood. Nothing ends the thread but `close`.
"""

from __future__ import annotations

import random
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import orjson

from service.cluster.collector import no_search
from service.cluster.events import Changed, Deleted, Failed, Progressed, Replaced, Resumed
from service.cluster.kube import RequestError, SilenceError
from service.cluster.listing import pages
from service.cluster.objects import key_of, read_item, version_of
from service.telemetry import WatchEnd, count_watch, logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from service.cluster.discovery import Resource
    from service.cluster.events import Event
    from service.cluster.kube import Client, Stream
    from service.cluster.objects import Item, Key

Tell: TypeAlias = "Callable[[Event], None]"

WATCH_S: Final = (240, 480)
"""A watch asks to be ended after so many seconds, by chance: not all kinds reconnect at once."""
SILENCE_S: Final = 100.0
"""The server sends a bookmark a minute; a watch that is silent for so long is given up."""
BACKOFF_S: Final = (0.25, 30.0)
"""The longest pause after the first failure, and after many of them; the pause is drawn below it."""

_LIST_SILENCE_S: Final = 30.0
_SHORT_S: Final = 1.0
_REFUSALS: Final = 3
"""After so many refusals in a row to go on from a resourceVersion, the list is taken anew."""
_MOST_DOUBLINGS: Final = 20
_JOIN_S: Final = 5.0
_INITIAL_END: Final = "k8s.io/initial-events-end"
_LOG = logger(__name__)


class Reflector:
    """Lists and watches one resource in a thread of its own, on one connection.

    *tell* may wait until there is room for the event, and returns at once when all is over.
    """

    def __init__(self, client: Client, resource: Resource, tell: Tell) -> None:
        """Nothing is asked before `start`."""
        self.resource = resource
        self._client = client
        self._tell = tell
        self._version = ""
        self._failures = 0
        self._offers_streams = True
        self._stream: Stream | None = None
        self._relist = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"watch {resource.name}", daemon=True
        )

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def relist(self) -> None:
        """Take the list anew: what was watched is not what the server holds now."""
        self._relist.set()
        self._end_stream()

    def close(self) -> None:
        """Let the thread end; `join` waits for that."""
        self._stop.set()
        self._end_stream()

    def join(self) -> None:
        """Wait for the thread after `close`, for 5 s at most."""
        self._thread.join(_JOIN_S)

    @property
    def _ends(self) -> bool:
        return self._stop.is_set() or self._relist.is_set()

    def _end_stream(self) -> None:
        if (stream := self._stream) is not None:
            stream.end()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._cycle()
            except RequestError as error:
                self._fail(str(error), error)
            except Exception as error:  # noqa: BLE001  # the root of a thread: the watch goes on
                _LOG.exception("watch_defect", resource=self.resource.name)
                self._fail(f"a defect of Nodeward: {type(error).__name__}", None)

    def _fail(self, reason: str, error: RequestError | None) -> None:
        """Tell of it, and wait; a resourceVersion that the server will not go on from is given up."""
        if self._ends:
            return
        self._failures += 1
        gone = error is not None and error.is_gone
        count_watch(self.resource.kind.name, WatchEnd.GONE if gone else WatchEnd.FAILED)
        refused = error is not None and error.status and self._failures >= _REFUSALS
        if gone or refused:
            self._version = ""
        if gone and self._failures == 1:
            return
        _LOG.warning("watch_failed", resource=self.resource.name, reason=reason)
        self._tell(Failed(self.resource, reason))
        self._stop.wait(max(self._pause_s(), error.retry_after_s if error else 0.0))

    def _pause_s(self) -> float:
        first, longest = BACKOFF_S
        ceiling = min(longest, first * 2 ** min(self._failures, _MOST_DOUBLINGS))
        return random.uniform(ceiling / 10, ceiling)  # noqa: S311  # to spread load, no secret

    def _cycle(self) -> None:
        """One list if it is needed, then one watch to its end."""
        if self._relist.is_set():
            self._relist.clear()
            self._version = ""
        if not self._version:
            with no_search():
                self._list()
        if not self._ends:
            self._watch()

    def _list(self) -> None:
        if self._offers_streams:
            with suppress(RequestError):
                self._begin(*self._streamed_list())
                return
        listed = self._paged_list()
        # Servers refuse streams in many ways, or do not know what they are asked: pages, all know.
        self._offers_streams = False
        self._begin(*listed)

    def _begin(self, items: dict[Key, Item], version: str) -> None:
        if self._stop.is_set():
            return
        self._tell(Replaced(self.resource, [*items.values()], version_of(version)))
        self._version = version
        self._failures = 0

    def _paged_list(self) -> tuple[dict[Key, Item], str]:
        items: dict[Key, Item] = {}
        version = ""
        for page in pages(self._client, self.resource):
            items.update(self._item(one) for one in page.items)
            version = page.version
            if self._stop.is_set():
                break
        return items, version

    def _streamed_list(self) -> tuple[dict[Key, Item], str]:
        """The list as a watch begins with it, where the server offers that."""
        query = {
            "sendInitialEvents": "true",
            "resourceVersion": "",
            "resourceVersionMatch": "NotOlderThan",
        }
        items: dict[Key, Item] = {}
        for kind, raw in self._events(query, _LIST_SILENCE_S):
            if kind == "BOOKMARK":
                if _ends_list(raw["metadata"]):
                    return items, raw["metadata"]["resourceVersion"]
            elif kind == "DELETED":
                items.pop(key_of(raw), None)
            else:
                items.update([self._item(raw)])
        raise RequestError("the API server ends a streamed list before it is whole", status=500)

    def _item(self, raw: dict[str, Any]) -> tuple[Key, Item]:
        return key_of(raw), read_item(self.resource, raw)

    def _watch(self) -> None:
        began = time.monotonic()
        before = self._version
        try:
            for kind, raw in self._events({"resourceVersion": before}, SILENCE_S):
                self._pass_on(kind, raw)
                self._failures = 0
        except SilenceError:
            # Of a kind that nobody writes, a server may have no bookmark to send for ten minutes, as
            # etcd tells it no more often where nobody asks: whether it lives, the next watch shows.
            self._failures = 0
        if self._ends:
            return
        if before == self._version and time.monotonic() - began < _SHORT_S:
            raise RequestError("the API server ends the watch as soon as it has begun")
        count_watch(self.resource.kind.name, WatchEnd.ENDED)

    def _events(
        self, query: dict[str, str], silence_s: float
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """The events of one watch: their type and their object."""
        query |= {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(random.randint(*WATCH_S)),  # noqa: S311  # to spread load
        }
        with self._client.lines(self.resource.path, query, silence_s=silence_s) as stream:
            self._stream = stream
            try:
                if self._ends:
                    return
                self._tell(Resumed(self.resource))
                yield from map(_event, stream)
            finally:
                self._stream = None

    def _pass_on(self, kind: str, raw: dict[str, Any]) -> None:
        version = raw["metadata"]["resourceVersion"]
        if kind == "BOOKMARK":
            self._tell(Progressed(self.resource, version_of(version)))
        elif kind == "DELETED":
            self._tell(Deleted(self.resource, key_of(raw), version_of(version)))
        else:
            self._tell(Changed(self.resource, read_item(self.resource, raw)))
        self._version = version


def _event(line: bytes) -> tuple[str, dict[str, Any]]:
    """The type and the object of an event. Raises: RequestError, also for what tells of an error."""
    try:
        event = orjson.loads(line)
        kind, raw = event["type"], event["object"]
    except (ValueError, KeyError, TypeError) as error:
        raise RequestError("the watch sent what is no event") from error
    if kind == "ERROR":
        message, code = raw.get("message", ""), raw.get("code")
        raise RequestError(f"the watch ended: {message}", status=int(code or 0))
    return kind, raw


def _ends_list(metadata: dict[str, Any]) -> bool:
    return (metadata.get("annotations") or {}).get(_INITIAL_END) == "true"
