from service import telemetry
from service.admission.decide import decide
from service.admission.terms import Terms
from service.checks.run import checks
from webhook.warm import warm


def test_a_world_is_asked_for_a_service_and_a_policy(world):
    asked = []
    warm(world, lambda _world, review: asked.append(review.kind.kind))
    assert asked == ["Service", "GlobalNetworkPolicy"]
    assert frozenset().union(*(check.kinds for check in checks())) >= set(asked)


def test_what_is_asked_can_be_read(world):
    answers = []

    def judged(world, review):
        answers.append(decide(world, review, Terms(), now_s=0))

    warm(world, judged)
    assert [("admission request" in one.message, one.uid) for one in answers] == [
        (False, "warm"),
        (False, "warm"),
    ]


def test_a_defect_is_counted_and_does_not_keep_the_world_from_being_served(world):
    def count() -> float:
        return telemetry.REGISTRY.get_sample_value("nodeward_engine_errors_total")

    def failing(_world, review):
        seen.append(review.kind.kind)
        raise ZeroDivisionError

    seen, before = [], count()
    warm(world, failing)
    assert (len(seen), count()) == (2, before + 2)
