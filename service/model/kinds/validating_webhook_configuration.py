"""Webhooks that the API server asks whether a request may pass."""

from __future__ import annotations

from service.model.callback import webhook_kind

KIND = webhook_kind("ValidatingWebhookConfiguration", "validatingwebhookconfigurations")
