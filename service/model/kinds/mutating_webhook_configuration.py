"""Webhooks that the API server asks what to change in a request."""

from __future__ import annotations

from service.model.callback import webhook_kind

KIND = webhook_kind("MutatingWebhookConfiguration", "mutatingwebhookconfigurations")
