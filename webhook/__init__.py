"""The admission door: HTTPS in, one decision out.

Belongs here: the Flask app that answers reviews and probes, TLS. Does not belong here: what a review
means (``service.admission``), what harm is (``service.checks``), the watch over the manifests
(``service.cluster``), gunicorn (``service.serving``), making certificates (``certs``).

It imports ``service`` up to ``service.cluster`` and nothing of the audit door, so that an admission
never waits for a database; ``service`` never imports it.
"""
