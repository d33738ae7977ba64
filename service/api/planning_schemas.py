"""The contract of questions about changes that nobody has made yet."""

from __future__ import annotations

from marshmallow import fields, validate

from service.api.schemas import NAME_LIMIT, Strict, WorldQuery, asked, told

_SOURCES_LIMIT = 1000


class SuggestBody(WorldQuery):
    """A Service, and who is to reach it."""

    service = fields.String(
        required=True,
        validate=validate.Length(1, 2 * NAME_LIMIT),
        metadata={"description": "namespace/name of the Service"},
    )
    sources = fields.List(
        fields.String(validate=validate.Length(1, NAME_LIMIT)),
        required=True,
        validate=validate.Length(1, _SOURCES_LIMIT),
        metadata={"description": "networks (CIDRs) whose packets are to get in"},
    )


class Suggestion(Strict):
    """The smallest set of objects that guards a Service, tried out before it is told."""

    service = told(fields.String, "namespace/name")
    sources = told(fields.List, "networks that get in", cls_or_instance=fields.String())
    summary = told(fields.String, "what the objects are; empty where nothing holds")
    yaml = told(fields.String, "manifests to apply; empty for none")
    also = told(
        fields.List,
        "outsiders whom other rules let in, and no new object can keep out",
        cls_or_instance=fields.String(),
    )
    refused = told(fields.String, "why nothing can be suggested; empty where something is")


class WorkloadBody(WorldQuery):
    """A workload, and labels that it would have."""

    workload = fields.String(
        required=True,
        validate=validate.Length(1, 2 * NAME_LIMIT),
        metadata={"description": "namespace/name of a workload or pod"},
    )
    labels = asked(
        fields.Dict,
        "labels that it would have besides; null takes one away",
        keys=fields.String(validate=validate.Length(1, NAME_LIMIT)),
        values=fields.String(allow_none=True, validate=validate.Length(max=NAME_LIMIT)),
        load_default=dict,
    )


class EarnedPolicy(Strict):
    """A policy that selects the workload."""

    policy = told(fields.String, "kind, and namespace/name or name")
    tier = told(fields.String, "tier")
    order = told(fields.Float, "order; null is last", allow_none=True)
    direction = told(fields.String, "ingress or egress")
    selector = told(fields.String, "what it selects")
    by = told(
        fields.List, "labels of the workload that it asks for", cls_or_instance=fields.String()
    )
    rules = told(fields.List, "its rules, in order, in words", cls_or_instance=fields.String())


class GrantedRule(Strict):
    """A rule of another's policy that means the workload as its peer."""

    policy = told(fields.String, "kind, and namespace/name or name")
    direction = told(fields.String, "ingress or egress of whom the policy selects")
    rule = told(fields.Integer, "index of the rule in its direction")
    text = told(fields.String, "the rule in words")
    selector = told(fields.String, "what the policy selects")
    sure = told(fields.Boolean, "false where labels that are not known decide")


class LabelRole(Strict):
    """A label pair on which policies select."""

    label = told(fields.String, "name")
    value = told(fields.String, "value")
    policies = told(fields.List, "who selects on it", cls_or_instance=fields.String())
    held = told(fields.Boolean, "whether the workload has it")


class TurnedFlows(Strict):
    """Flows that the labels would open or close."""

    direction = told(fields.String, "ingress or egress of the workload")
    peer = told(fields.String, "who is at the other end")
    turn = told(fields.String, "opened or closed")
    sure = told(fields.Boolean, "false where what is not known decides")
    family = told(fields.Integer, "4 or 6")
    flows = told(fields.List, "disjoint boxes", cls_or_instance=fields.Dict())


class EffectivePolicy(Strict):
    """The effective policy of pods of one workload that are alike."""

    workload = told(fields.String, "kind and namespace/name")
    pods = told(
        fields.List,
        "its pods; empty where only the template is there",
        cls_or_instance=fields.String(),
    )
    labels = told(fields.Dict, "its own labels", keys=fields.String(), values=fields.String())
    earned = told(
        fields.List, "policies that select it", cls_or_instance=fields.Nested(EarnedPolicy)
    )
    granted = told(fields.List, "what others grant it", cls_or_instance=fields.Nested(GrantedRule))
    otherwise = told(
        fields.Dict,
        "by direction, what becomes of what no rule matches",
        keys=fields.String(),
        values=fields.String(),
    )
    roles = told(fields.List, "label pairs of policies", cls_or_instance=fields.Nested(LabelRole))
    gaps = told(
        fields.List, "what was not known", cls_or_instance=fields.String(), data_key="unknown"
    )
    change = told(fields.Dict, "the labels that were asked about", keys=fields.String())
    turned = told(
        fields.List,
        "what they would open and close; null where none was asked about",
        cls_or_instance=fields.Nested(TurnedFlows),
        allow_none=True,
    )


class EffectivePolicies(Strict):
    """One for each group of pods that policy can tell apart."""

    items = told(fields.List, "the policies", cls_or_instance=fields.Nested(EffectivePolicy))
