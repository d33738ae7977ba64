"""What an owner has set about decisions, as plain values; the doors fill it from their settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from service.admission.enforcement import Enforcement, parse_mode
from service.checks.run import checks
from service.checks.settings import CheckSettings, check_settings
from service.errors import SettingsError

if TYPE_CHECKING:
    from service.settings import Settings


@dataclass(frozen=True, slots=True)
class Terms:
    """The settings that change a decision.

    ``exempt`` are users and groups whose requests are judged and never refused; ``api_servers`` the
    accounts under which an aggregated API server writes on what it has admitted. ``max_days`` bounds
    every exception.
    """

    checks: CheckSettings = field(default_factory=CheckSettings)
    enforcement: Enforcement = field(default_factory=Enforcement)
    exempt: frozenset[str] = frozenset()
    api_servers: frozenset[str] = frozenset()
    max_days: int = 90


def terms(settings: Settings) -> Terms:
    """The terms that *settings* state.

    Raises: SettingsError for a mode of a check that there is not, or as `check_settings` does.
    """
    return Terms(
        checks=check_settings(settings),
        enforcement=enforcement(settings.enforcement_modes),
        exempt=frozenset(settings.admission_exempt),
        api_servers=frozenset(settings.calico_apiserver_accounts),
        max_days=settings.exceptions_max_days,
    )


def enforcement(modes: tuple[str, ...]) -> Enforcement:
    """The modes that *modes* spell. Raises: SettingsError."""
    known = {check.id for check in checks()}
    try:
        parsed = tuple(map(parse_mode, modes))
    except ValueError as error:
        raise SettingsError(f"enforcement.modes: {error}") from error
    for mode in parsed:
        if mode.check and mode.check not in known:
            raise SettingsError(f"enforcement.modes: there is no check {mode.check}")
    return Enforcement(parsed)
