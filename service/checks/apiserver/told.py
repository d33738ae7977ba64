"""The verdicts on one way to the API server: as things stand, or against what was before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.checks.apiserver.access import Who
from service.checks.apiserver.way import some
from service.checks.settings import Strictness, Unknown
from service.checks.verdict import Result, Severity, Verdict
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.prefixes import cidrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.checks.apiserver.access import Passage
    from service.checks.apiserver.way import Way
    from service.model.refs import ObjectRef
    from service.policy.cause import Cause
    from service.policy.partition import Part

ID = "apiserver-lockout"
RESULT_OF = {
    Strictness.REJECT: Result.FAIL,
    Strictness.WARN: Result.WARN,
    Strictness.IGNORE: Result.SKIP,
}
_SOURCES_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Told:
    """The verdicts on one way; *subject* is what they are about."""

    way: Way
    subject: ObjectRef

    def standing(self) -> Iterator[Verdict]:
        """What is denied as things stand, or a pass where all arrive by policy.

        That packets arrive by failsafe only is told of outsiders; of all others it is another check's.
        """
        passage, carried = self.way.passage, self.way.carried(None)
        outsiders = self.way.who is Who.OUTSIDE
        if passage.denied.must and not outsiders:
            yield self._lost(passage.denied.must, Result.FAIL, "")
        elif outsiders and not passage.possible.may:
            yield self._unreachable(passage.denied.must, Result.WARN)
        elif passage.denied.may and not outsiders:
            yield self._may_be_lost(passage.denied.may, Result.WARN)
        elif not carried:
            yield self._reachable()
        if carried and outsiders:
            yield self._carried(carried, Result.WARN)

    def changed(self, before: Way) -> Iterator[Verdict]:
        """What is lost against *before*, surely or perhaps, or newly left to the failsafes."""
        old, new = before.passage, self.way.passage
        lost = old.possible.must & new.denied.must
        if self.way.who is Who.OUTSIDE:
            yield from self._outside(lost)
        elif lost:
            yield self._lost(lost, Result.FAIL, "")
        elif new.denied.must:
            yield self._lost(new.denied.must, Result.WARN, " (it was so before this change)")
        if self.way.who is not Who.OUTSIDE:
            yield from self._doubted(old, lost)
        yield from self._newly_carried(before)

    def _doubted(self, old: Passage, lost: HeaderSpace) -> Iterator[Verdict]:
        """What may be denied, and of which it is not known; an old doubt is told, and refuses nothing.

        Where nothing at all is known of a way, what a change does to it is new every time.
        """
        new = self.way.passage
        grown = (new.denied.may - old.denied.may) | (new.denied.must - old.denied.must)
        fresh = grown - lost
        doubt = fresh or (new.denied.may - new.denied.must)
        if doubt:
            blind = not (new.denied.must or new.possible.must)
            refused = self.way.settings.unknown is Unknown.DENY and bool(fresh or blind)
            yield self._may_be_lost(doubt, Result.FAIL if refused else Result.WARN)

    def _newly_carried(self, before: Way) -> Iterator[Verdict]:
        ref = self.subject
        explicit = self.way.carried(ref) - before.carried(ref)
        strict = self.way.who is not Who.OUTSIDE
        if explicit:
            result = RESULT_OF[self.way.settings.failsafe_only] if strict else Result.WARN
            yield self._carried(explicit, result)
        else:
            implicit = self.way.carried(None) - before.carried(None)
            if implicit:
                yield self._carried(implicit, Result.WARN)

    def _outside(self, lost: HeaderSpace) -> Iterator[Verdict]:
        if not lost:
            return
        if not self.way.passage.possible.may:
            yield self._unreachable(lost, Result.FAIL)
            return
        remaining = self.way.passage.possible.may.project(Field.SRC)
        left = some(cidrs(self.way.endpoint.family, remaining))
        yield self._verdict(
            "fewer-outside",
            Result.WARN,
            lost,
            message=f"fewer outside sources reach the API server at {self.way.endpoint}: "
            f"{left} remain. No operator CIDR is configured, so it is not known who must",
            advice="Set apiserver.operators to the networks that operators come from.",
        )

    def _reachable(self) -> Verdict:
        """The pass, with the sources that reach the endpoint."""
        possible = self.way.passage.possible.may
        sources = cidrs(self.way.endpoint.family, possible.project(Field.SRC))
        return self._verdict(
            "reachable",
            Result.PASS,
            None,
            message=f"{self.way.who.value} reach the API server at {self.way.endpoint}",
            details={"sources": [*sources[:_SOURCES_SHOWN]]},
        )

    def _lost(self, space: HeaderSpace, result: Result, aside: str) -> Verdict:
        causes = self._causes(space, self.way.passage.parts)
        return self._verdict(
            "lost",
            result,
            space,
            message=f"{self.way.senders(space)} cannot reach the API server at {self.way.endpoint}: "
            f"{_because(causes)}{aside}",
            advice="Allow these sources to the API server before whatever denies them.",
            causes=causes,
        )

    def _may_be_lost(self, space: HeaderSpace, result: Result) -> Verdict:
        parts = self.way.passage.parts
        unknown = tuple(dict.fromkeys(why for one in parts for why in one.unknown))
        causes = self._causes(space, parts)
        return self._verdict(
            "may-be-lost",
            result,
            space,
            message=f"{self.way.senders(space)} may lose the API server at {self.way.endpoint}: "
            f"{_because(causes)}, as far as is known",
            advice="Make the rule's sources explicit, so that it can be told.",
            causes=causes,
            unknown=unknown or ("on which interface the packets travel is not known",),
        )

    def _unreachable(self, space: HeaderSpace, result: Result) -> Verdict:
        causes = self._causes(space, self.way.passage.parts)
        return self._verdict(
            "unreachable-from-outside",
            result,
            space,
            message=f"no outside source reaches the API server at {self.way.endpoint}, not even by a "
            f"failsafe port: {_because(causes)}. No operator CIDR is configured",
            advice="Set apiserver.operators, and allow them.",
            causes=causes,
            details={"remaining": []},
        )

    def _carried(self, space: HeaderSpace, result: Result) -> Verdict:
        every = self._causes(space, self.way.by_policy.parts)
        causes = tuple(one for one in every if one.policy == self.subject) or every
        return self._verdict(
            "failsafe-only",
            result,
            space,
            message=f"{_because(causes)} denies {self.way.senders(space)} the API server at "
            f"{self.way.endpoint}; only the failsafe list still carries it",
            advice="Allow it by policy: a failsafe list can be replaced at any time.",
            causes=causes,
        )

    @staticmethod
    def _causes(space: HeaderSpace, parts: Iterable[Part]) -> tuple[Cause, ...]:
        return tuple(dict.fromkeys(one.cause for one in parts if one.space.may & space))

    def _verdict(
        self,
        reason: str,
        result: Result,
        space: HeaderSpace | None,
        **proof: object,
    ) -> Verdict:
        way = self.way
        # Nobody said that outsiders must get in: what they lose is worth a word, and no more.
        told = Severity.LOW if way.who is Who.OUTSIDE else Severity.MEDIUM
        severities = {Result.FAIL: Severity.CRITICAL, Result.WARN: told}
        return Verdict(
            check=ID,
            subject=self.subject,
            result=result,
            severity=severities.get(result, Severity.INFO),
            reason=reason,
            key=(str(way.endpoint), way.who.value),
            witness=way.witness(space) if space else None,
            space=Bounds.exact(space) if space else None,
            **proof,  # type: ignore[arg-type]  # the fields of a verdict, by name
        )


def _because(causes: tuple[Cause, ...]) -> str:
    texts = tuple(dict.fromkeys(str(cause) for cause in causes))
    return some(list(texts)) or "policy"
