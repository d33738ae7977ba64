"""Questions that no object answers: a walk is run once for each answer.

kube-proxy picks a backend at random and masquerade a source port; a walk asks for one answer, and
`outcomes` repeats it until every combination has been walked.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
Outcome = TypeVar("Outcome")


class Choices:
    """The answers of one run: those of `script` first, then always the first option."""

    def __init__(self, script: Sequence[int] = ()) -> None:
        self._script = script
        self._asked: list[tuple[int, int]] = []

    def of(self, options: Sequence[T]) -> T:
        """One of the options; none are asked about where there is only one."""
        if len(options) == 1:
            return options[0]
        asked = len(self._asked)
        answer = self._script[asked] if asked < len(self._script) else 0
        self._asked.append((answer, len(options)))
        return options[answer]

    def next_script(self) -> list[int] | None:
        """The answers of the run after this one, counting up; None after the last."""
        answers = list(self._asked)
        while answers:
            answer, options = answers.pop()
            if answer + 1 < options:
                return [*(earlier for earlier, _ in answers), answer + 1]
        return None


def outcomes(walk: Callable[[Choices], Outcome]) -> Iterator[Outcome]:
    """What each run of `walk` returns, one run for every combination of answers."""
    script: list[int] | None = []
    while script is not None:
        choices = Choices(script)
        yield walk(choices)
        script = choices.next_script()
