"""The yardstick of the door: a handler that reads the same bodies and answers a constant.

Under the same gunicorn configuration, worker and TLS as the admission door.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from service.cli.webhook import THREADS
from service.serving import process
from webhook.server import Options
from webhook.tls import Contexts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_ANSWER = (
    b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"allowed":true}}'
)
_HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(_ANSWER)))]


def app(environ: dict[str, object], start: Callable[..., object]) -> Iterable[bytes]:
    """A WSGI application that reads the body and looks at nothing."""
    environ["wsgi.input"].read()
    start("200 OK", _HEADERS)
    return [_ANSWER]


if __name__ == "__main__":
    bind, certificate, key = sys.argv[1:]
    options = Options(bind=bind, certfile=certificate, keyfile=key, workers=1, threads=THREADS)
    contexts = Contexts(Path(certificate), Path(key))
    settings = {**asdict(options), "ssl_context": lambda _config, _default: contexts.current()}
    process.run(settings, lambda: app)
