"""Strict reading: wrong values, unknown fields and their likely causes."""

from __future__ import annotations

import pytest

from service.errors import SourceLocation
from service.model.meta import Layer
from tests.factories import decode, raw


def problems(body):
    return [(one.layer, one.message, one.hint) for one in decode(body).problems]


def spec_problems(**spec):
    return problems(raw("GlobalNetworkPolicy", spec=spec))


def test_a_typo_is_an_unknown_field_with_the_name_that_was_meant():
    assert [(Layer.STRICT, 'unknown field "preDnat"', 'did you mean "preDNAT"?')] == spec_problems(
        preDnat=True
    )


def test_the_object_without_its_unknown_field_stays_in_effect():
    decoded = decode(raw("GlobalNetworkPolicy", spec={"preDnat": True}))
    assert (True, False) == (decoded.in_effect, decoded.api_server_accepts)


def test_a_field_like_no_other_is_unknown_without_a_guess():
    assert [(Layer.STRICT, 'unknown field "zzz"', "")] == spec_problems(zzz=1)


def test_a_field_that_stands_too_far_out_is_told_where_it_belongs():
    [(layer, message, hint)] = spec_problems(
        ingress=[{"action": "Deny", "source": {"nets": ["10.0.0.0/8"]}}], nets=["10.0.0.0/8"]
    )
    assert (Layer.STRICT, 'unknown field "nets"') == (layer, message)
    assert "nets is a field of /spec/ingress/0/source: is it indented wrongly?" == hint


def test_a_spec_under_metadata_is_named_as_such():
    body = raw("HostEndpoint", "node1")
    body["metadata"]["spec"] = {"node": "node1"}
    hint = "spec is indented under metadata; it belongs at the top level"
    found = problems(body)
    assert (Layer.SCHEMA, "spec is missing", hint) in found
    assert (Layer.STRICT, 'unknown field "spec"', hint) in found


def test_misleading_blanks_are_one_problem_for_the_whole_object():
    blank = "\u00a0 \u00a0 "
    body = raw("GlobalNetworkPolicy", spec={f"{blank}source": None, f"{blank * 2}nets": []})
    [(layer, message, hint)] = problems(body)
    assert Layer.STRICT is layer
    assert "non-breaking space (U+00A0)" in message
    assert '"<U+00A0> <U+00A0> source" in /spec' in message
    assert "copied from a web page" in hint


def test_misleading_blanks_are_found_in_what_nobody_reads():
    body = raw("Service", api_version="v1", spec={"ports": [{"port": 80}]})
    body["status"] = {"conditions": [{"\u00a0type": "x"}]}
    [(layer, message, _)] = problems(body)
    assert (Layer.STRICT, True) == (layer, '"<U+00A0>type" in /status/conditions/0' in message)


def test_a_misplaced_label_is_told_as_misplaced_only():
    body = raw("Namespace", api_version="v1", labels={"a": "b", "\u00a0c": None})
    assert [Layer.STRICT] == [problem.layer for problem in decode(body).problems]


def test_of_many_misplaced_keys_the_first_are_shown_and_the_rest_counted():
    body = raw("GlobalNetworkPolicy", spec={f"\u00a0k{index}": 1 for index in range(10)})
    [(_, message, _)] = problems(body)
    assert message.endswith('"<U+00A0>k2" in /spec and 7 more')


@pytest.mark.parametrize(
    ("spec", "message", "hint"),
    [
        ({"order": "10"}, "spec.order is a string, but a number is needed", "leave out the quotes"),
        ({"order": True}, "spec.order is a Boolean, but a number is needed", ""),
        ({"preDNAT": "yes"}, "spec.preDNAT is a string, but true or false is needed", ""),
        ({"selector": 5}, "spec.selector is a number, but a string is needed", "put it in quotes"),
        ({"ingress": {}}, "spec.ingress is a mapping, but a list is needed", ""),
        ({"ingress": [None]}, "spec.ingress[0] is null, but a mapping is needed", ""),
        ({"types": [[]]}, "spec.types[0] is a list, but a string is needed", ""),
    ],
)
def test_a_value_of_the_wrong_type_fails_the_schema_and_the_typed_client(spec, message, hint):
    found = spec_problems(**spec)
    assert (Layer.SCHEMA, message, hint) in found
    assert (Layer.DECODE, message, "") in found


def test_a_wrong_type_in_a_kubernetes_kind_concerns_the_api_server_alone():
    body = raw("Service", api_version="v1", spec={"ports": [{"port": "80"}]})
    assert Layer.DECODE not in {layer for layer, _, _ in problems(body)}


def test_a_boolean_label_tells_that_yaml_made_it_one():
    body = raw("HostEndpoint", labels={"ingress": True}, spec={"node": "n", "interfaceName": "*"})
    [(_, message, hint)] = [one for one in problems(body) if one[0] is Layer.SCHEMA]
    assert "metadata.labels.ingress is a Boolean, but a string is needed" == message
    assert hint.startswith("YAML reads yes, no, on")


def test_null_reads_as_absent():
    assert [] == spec_problems(order=None, selector=None, ingress=None, preDNAT=None)


def test_a_whole_number_written_as_a_float_is_an_integer():
    rule = {"action": "Deny", "ipVersion": 4.0}
    assert (
        4 == decode(raw("GlobalNetworkPolicy", spec={"ingress": [rule]})).obj.ingress[0].ip_version
    )


def test_a_number_beyond_all_floats_reads_as_absent():
    assert None is decode(raw("Tier", spec={"order": 10**400})).obj.order


def test_every_problem_names_its_file_and_pointer():
    [problem] = decode(raw("GlobalNetworkPolicy", spec={"preDnat": True})).problems
    assert SourceLocation("test.yaml", pointer="/spec/preDnat") == problem.location


def test_a_field_that_nobody_reads_of_an_open_mapping_is_left_alone():
    assert [] == problems(raw("FelixConfiguration", "default", spec={"logSeverityScreen": "Info"}))


def test_a_near_miss_in_an_open_mapping_is_told():
    body = raw("FelixConfiguration", "default", spec={"failsafeInboundHostPort": []})
    assert [
        (
            Layer.STRICT,
            'unknown field "failsafeInboundHostPort"',
            'did you mean "failsafeInboundHostPorts"?',
        )
    ] == problems(body)


def test_a_list_where_a_mapping_belongs_reads_as_empty():
    body = raw("HostEndpoint", labels=[], spec={"node": "n", "interfaceName": "*"})
    one = decode(body)
    assert ({}, "metadata.labels is a list, but a mapping is needed") == (
        one.obj.meta.labels,
        one.problems[0].message,
    )


def test_a_misleading_blank_behind_a_list_of_innocent_mappings_is_found():
    body = raw("Namespace", api_version="v1", status={"conditions": [{"a": [1]}, {"b\u00a0": 1}]})
    assert ["/status/conditions/1/b<U+00A0>"] == [p.location.pointer for p in decode(body).problems]


def test_a_problem_prints_with_its_place_and_likely_cause():
    [problem] = decode(raw("GlobalNetworkPolicy", spec={"preDnat": True})).problems
    expected = 'test.yaml /spec/preDnat: unknown field "preDnat" (did you mean "preDNAT"?)'
    assert expected == str(problem)
