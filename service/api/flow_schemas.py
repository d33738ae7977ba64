"""The contract of questions about sets of flows: what their bodies and answers hold, as in `schemas`."""

from __future__ import annotations

from typing import Final

from marshmallow import fields, validate

from service.api.schemas import (
    MANIFESTS_LIMIT,
    SHORT,
    ManifestBody,
    Strict,
    WorldQuery,
    asked,
    told,
)

_DISPOSITIONS: Final = validate.OneOf(["allowed", "denied", "unknown"])
_PASSING: Final = validate.OneOf(["allowed", "unknown"])
_TURNS: Final = validate.OneOf(["opened", "closed", "may-have-opened", "may-have-closed"])
_QUESTION: Final = "the fields of a flow, each with one value, several, or none for any"
_BOXES: Final = "disjoint boxes; a field that is not there is as open as in the question"


class TraceBody(WorldQuery):
    """A flow to be followed."""

    flow = fields.Dict(
        required=True,
        metadata={"description": "the flow in the trace format: from, to, protocol, port …"},
    )
    explain = asked(
        fields.Boolean,
        "whether to tell all that was looked at, and why it did or did not match",
        load_default=False,
    )


class Look(Strict):
    """Something that a packet was compared with."""

    what = told(
        fields.String, "rule, end-of-tier, profile, failsafe, encapsulation or default-action"
    )
    tier = told(fields.String, "its name; empty where no policy is meant")
    kind = told(fields.String, "of the policy or profile")
    policy = told(fields.String, "its name, with its namespace")
    rule = told(fields.Integer, "index of the rule; null for what is none", allow_none=True)
    action = told(fields.String, "what it would do")
    matched = told(fields.String, "yes, no or perhaps")
    why = told(fields.String, "the first criterion that is not surely met")


class Stage(Strict):
    """One hook that a packet passed."""

    node = told(fields.String, "node")
    hook = told(fields.String, "hook")
    direction = told(fields.String, "ingress or egress")
    endpoint = told(fields.String, "endpoint that governs; empty for none")
    verdict = told(fields.String, "allow, deny, undecided, skipped, unknown or translated")
    tier = told(fields.String, "tier")
    policy = told(fields.String, "policy")
    rule = told(fields.Integer, "index of the rule", allow_none=True)
    reason = told(fields.String, "why")
    note = told(fields.String, "further words")
    looked_at = asked(
        fields.List,
        "what the packet was compared with, in order; there if it was asked for",
        cls_or_instance=fields.Nested(Look),
    )


class Default(Strict):
    """A value that nobody wrote, and that the API server or Calico fills in."""

    object = told(fields.String, "the object that lacks it")
    pointer = told(fields.String, "JSON pointer of the field")
    value = told(fields.String, "JSON text")
    source = told(fields.String, "who fills it in")


class Trace(Strict):
    """What becomes of a flow, hook by hook."""

    flow = told(fields.Dict, "the flow as it was understood")
    disposition = told(fields.String, "allowed, denied or unknown")
    at_host = told(fields.String, "the same by the hosts' own hooks, whatever pods' policies say")
    stages = told(fields.List, "the hooks", cls_or_instance=fields.Nested(Stage))
    gaps = told(
        fields.List, "what was not known", cls_or_instance=fields.String(), data_key="unknown"
    )
    defaults = told(
        fields.List,
        "defaults of the endpoints, policies and tiers that judged the flow",
        cls_or_instance=fields.Nested(Default),
    )


class ReachBody(WorldQuery):
    """A question about flows."""

    question = fields.Dict(required=True, metadata={"description": _QUESTION})


class ObjectName(Strict):
    """The name of one object."""

    group = asked(
        fields.String,
        "of its apiVersion; Calico's is projectcalico.org",
        load_default="",
        validate=SHORT,
    )
    kind = fields.String(required=True, validate=SHORT, metadata={"description": "as in manifests"})
    namespace = asked(fields.String, "where it has one", load_default="", validate=SHORT)
    name = fields.String(required=True, validate=SHORT, metadata={"description": "its name"})


class DiffBody(WorldQuery):
    """A change set, or another audit, and which flows are compared."""

    question = fields.Dict(required=True, metadata={"description": _QUESTION})
    other = asked(
        fields.String,
        "id of the audit whose manifests are the state after; else what follows is changed",
        load_default="",
        validate=SHORT,
    )
    manifests = fields.List(
        fields.Nested(ManifestBody),
        load_default=list,
        validate=validate.Length(max=MANIFESTS_LIMIT),
        metadata={"description": "objects that come, or come in place of those of their names"},
    )
    deleted = fields.List(
        fields.Nested(ObjectName),
        load_default=list,
        validate=validate.Length(max=MANIFESTS_LIMIT),
        metadata={"description": "objects that go"},
    )


class Decider(Strict):
    """What decided."""

    reason = told(fields.String, "rule, end-of-tier, profile, failsafe …")
    hook = told(fields.String, "untracked, preDNAT, forward, normal, workload or dnat")
    direction = told(fields.String, "ingress or egress")
    tier = told(fields.String, "its name; empty where no policy decided")
    policy = told(fields.String, "kind and name; empty where no policy decided")
    rule = told(fields.Integer, "from 0, in its direction", allow_none=True)
    location = told(fields.String, "where it is written")
    note = told(fields.String, "what there is to add")


class OriginTold(Strict):
    """From where flows come."""

    kind = told(fields.String, "who sends", validate=validate.OneOf(["outside", "node", "pod"]))
    via = asked(
        fields.List,
        "where they enter; left out, where they are sent to",
        cls_or_instance=fields.Dict(),
    )
    nodes = asked(
        fields.List,
        "whose processes send; left out, the source address tells",
        cls_or_instance=fields.String(),
    )


def _boxes() -> fields.Field[list[object]]:
    one = fields.Dict(keys=fields.String(), values=fields.List(fields.String()))
    return told(fields.List, _BOXES, cls_or_instance=one)


class ReachPartTold(Strict):
    """Flows of one origin that have one fate for one cause."""

    disposition = told(fields.String, "what becomes of them", validate=_DISPOSITIONS)
    family = told(fields.Integer, "4 or 6")
    origin = told(fields.Nested, "from where they come", nested=OriginTold)
    flows = _boxes()
    causes = told(fields.List, "what decides", cls_or_instance=fields.Nested(Decider))
    gaps = told(
        fields.List, "what is not known", cls_or_instance=fields.String(), data_key="unknown"
    )
    witness = told(fields.Dict, "one of the flows, in the trace format", allow_none=True)


class ReachAnswer(Strict):
    """Which flows get through."""

    question = told(fields.Dict, "the question as it was given")
    parts = told(
        fields.List, "all flows of the question", cls_or_instance=fields.Nested(ReachPartTold)
    )
    unresolved = told(
        fields.List, "what is meant and has no known address", cls_or_instance=fields.String()
    )


class ConnectivityBody(WorldQuery):
    """Of which addresses the connections are asked for."""

    family = asked(fields.Integer, "4 or 6", load_default=4, validate=validate.OneOf([4, 6]))


class PodClassTold(Strict):
    """Pods that nothing tells apart."""

    pods = told(fields.List, "their names", cls_or_instance=fields.String())


class ConnectionTold(Strict):
    """What may pass from any pod of one class to any other of another."""

    source = told(fields.Integer, "place of the class in the list of classes", data_key="from")
    target = told(fields.Integer, "place of the class in the list of classes", data_key="to")
    disposition = told(fields.String, "allowed, or not known", validate=_PASSING)
    flows = _boxes()


class ConnectivityAnswer(Strict):
    """Which pods may call which."""

    family = told(fields.Integer, "4 or 6")
    classes = told(fields.List, "all pods", cls_or_instance=fields.Nested(PodClassTold))
    connections = told(
        fields.List, "what is not denied", cls_or_instance=fields.Nested(ConnectionTold)
    )
    unresolved = told(
        fields.List, "pods of which no address is known", cls_or_instance=fields.String()
    )


class FateTold(Strict):
    """What becomes of flows in one state."""

    disposition = told(fields.String, "what becomes of them", validate=_DISPOSITIONS)
    causes = told(fields.List, "what decides", cls_or_instance=fields.Nested(Decider))
    gaps = told(
        fields.List, "what is not known", cls_or_instance=fields.String(), data_key="unknown"
    )


class TurnedTold(Strict):
    """Flows of one origin that two states treat otherwise."""

    turn = told(fields.String, "which way they turned", validate=_TURNS)
    family = told(fields.Integer, "4 or 6")
    origin = told(fields.Nested, "from where they come", nested=OriginTold)
    flows = _boxes()
    before = told(fields.Nested, "what became of them", nested=FateTold)
    after = told(fields.Nested, "what becomes of them", nested=FateTold)
    alone = told(fields.List, "objects whose change alone does it", cls_or_instance=fields.String())
    needed = told(
        fields.List, "objects without whose change it is not so", cls_or_instance=fields.String()
    )
    witness = told(fields.Dict, "one of the flows, in the trace format", allow_none=True)


class ObjectChange(Strict):
    """An object that differs."""

    object = told(fields.String, "kind and name")
    operation = told(fields.String, "CREATE, UPDATE or DELETE")


class DiffAnswer(Strict):
    """Which flows opened and which closed."""

    question = told(fields.Dict, "the question as it was given")
    changes = told(fields.List, "objects that differ", cls_or_instance=fields.Nested(ObjectChange))
    turned = told(
        fields.List, "flows that are treated otherwise", cls_or_instance=fields.Nested(TurnedTold)
    )
    unresolved = told(
        fields.List, "what is meant and has no known address", cls_or_instance=fields.String()
    )
