"""Whatever JSON comes in, decoding answers: an object, a skip, or a located error."""

from __future__ import annotations

import json
from contextlib import suppress

from hypothesis import example, given
from hypothesis import strategies as st

from service.cluster.manifests import load_text
from service.errors import DecodeError, SourceLocation
from service.model.decode import Skipped, decode_object
from service.model.kind import kinds_by_gvk

HERE = SourceLocation("f")

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["TCP", "10.0.0.0/8", "all()", "80", "1:9", "default", "Allow", "Ingress"])
)
keys = st.text(max_size=4) | st.sampled_from(
    [
        *("tier", "order", "selector", "types", "ingress", "egress", "preDNAT", "applyOnForward"),
        *(
            "action",
            "protocol",
            "source",
            "destination",
            "nets",
            "notNets",
            "ports",
            "icmp",
            "type",
        ),
        *("node", "interfaceName", "expectedIPs", "profiles", "controllers", "hostEndpoint"),
        *("services", "http", "paths", "addresses", "conditions", "endpoints", "loadBalancer"),
        *("failsafeInboundHostPorts", "kubeNodePortRanges", "natPortRange", "clusterIP", "port"),
        *("template", "jobTemplate", "containers", "initContainers", "hostNetwork", "status"),
        *("podSelector", "matchLabels", "matchExpressions", "operator", "ipBlock", "from", "to"),
        *("subject", "namespaces", "pods", "networks", "protocols", "tcp", "podIPs", "cidr"),
        *("targetPort", "nodePort", "ipFamilies", "serviceAccounts", "namespaceSelector", "code"),
    ]
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=20,
)
mappings = st.dictionaries(keys, values, max_size=6)


@st.composite
def bodies(draw):
    gvk = draw(st.sampled_from(sorted(kinds_by_gvk())))
    metadata = draw(st.dictionaries(st.sampled_from(["labels", "annotations", "uid"]), values))
    return {
        **draw(mappings),
        "apiVersion": gvk.api_version,
        "kind": gvk.kind,
        "metadata": {"name": draw(st.text(min_size=1, max_size=9)), **metadata},
        "spec": draw(mappings | values),
        "status": draw(mappings),
    }


@given(bodies())
def test_every_object_of_a_known_kind_decodes_with_consistent_verdicts(body):
    decoded = decode_object(body, HERE)
    assert not isinstance(decoded, Skipped)
    assert decoded.obj is not None
    assert set(decoded.raw) <= set(body)
    if decoded.validator_verdict == "does-not-decode" or decoded.felix_verdict == "drops":
        assert not decoded.in_effect
    for problem in decoded.problems:
        assert problem.location.pointer == "" or problem.location.pointer.startswith("/")


@given(bodies())
def test_what_is_kept_of_an_object_reads_as_the_same_object(body):
    decoded = decode_object(body, HERE)
    again = decode_object(decoded.raw, HERE)
    assert (decoded.obj, decoded.defaults) == (again.obj, again.defaults)


@given(values)
def test_every_other_value_is_answered_or_refused(value):
    with suppress(DecodeError):
        decode_object(value, HERE)


@given(st.text() | st.binary())
@example("a: &x [*x]")
@example(b"\xef\xbb\xbf\xff")
@example("--- !!set\n? a")
@example("- - - - - ? - ? : :")
def test_every_text_is_read_or_refused_with_its_place(text):
    loaded = load_text(text, "f")
    assert all(error.location.file == "f" and error.location.line for error in loaded.errors)


@given(bodies())
def test_an_object_reads_the_same_from_its_text(body):
    loaded = load_text(json.dumps(body), "f")
    decoded = decode_object(body, HERE)
    [found] = loaded.snapshot.decoded()
    assert (decoded.ref, decoded.defaults) == (found.ref, found.defaults)
    assert [(one.layer, one.message, one.hint) for one in decoded.problems] == [
        (one.layer, one.message, one.hint) for one in found.problems
    ]
