"""What both doors of Nodeward share, plus the audit door.

Floors, each importing only those to its right (import-linter fails the build otherwise):
``cli`` → ``api`` → ``audit`` → ``cluster | store | reports`` → ``admission`` → ``checks`` →
``policy`` → ``model`` → ``net``. The floors from ``admission`` on are pure: no I/O, clock,
randomness, logging or threads. ``errors``, ``registry``, ``settings`` and ``telemetry`` stand free.

Does not belong here: the admission door (``webhook``) and the making of certificates (``certs``).
This module imports nothing.
"""

__version__ = "0.1.0"
