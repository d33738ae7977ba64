import pytest

from service.model.moments import parse_moment
from tests.factories import decode, make_exception


def test_an_exception_says_what_it_is_about_who_answers_and_until_when():
    one = decode(make_exception(reasons=["no-trailing-deny"])).obj
    assert ("nodeport-unguarded", ("Service", "shop", ""), ("no-trailing-deny",)) == (
        one.check,
        (one.scope.kind, one.scope.namespace, one.scope.name),
        one.reasons,
    )
    assert ("net@example.org", "NET-1", parse_moment("2026-03-01T00:00:00Z")) == (
        one.owner,
        one.ticket,
        one.expires,
    )


@pytest.mark.parametrize(
    ("spec", "pointer"),
    [
        *(({name: None}, f"/spec/{name}") for name in ("check", "reason", "owner", "ticket")),
        ({"owner": "  "}, "/spec/owner"),
        ({"expires": None}, "/spec/expires"),
        ({"expires": "tomorrow"}, "/spec/expires"),
        ({"expires": "2025-12-31T00:00:00Z"}, "/spec/expires"),
        ({"scope": None}, "/spec/scope"),
        ({"scope": {"kind": "Service"}}, "/spec/scope"),
        ({"scope": {"namespace": "shop"}}, "/spec/scope/kind"),
    ],
)
def test_half_an_exception_excuses_nothing(spec, pointer):
    found = decode(make_exception(**spec))
    assert (False, True) == (
        found.in_effect,
        pointer in {problem.location.pointer for problem in found.problems},
    )
