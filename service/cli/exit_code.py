"""What an exit code of ``nodeward`` means."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended. A command returns one; None means CLEAN."""

    CLEAN = 0
    FINDINGS = 1  # at or over the threshold, or a refused review, or a failed case
    USAGE = 2
    UNREADABLE = 3  # an input or a source that cannot be read
    BUG = 70  # EX_SOFTWARE of sysexits.h
    INTERRUPTED = 130  # 128 + SIGINT, as a shell has it
    BROKEN_PIPE = 141  # 128 + SIGPIPE
