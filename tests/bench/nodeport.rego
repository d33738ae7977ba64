# The simplest honest form of the question which host endpoints leave a node port open: of the preDNAT policies
# whose labels an endpoint has, in their order, the first that speaks of every source decides.
package nodeport

open contains endpoint.name if {
	some endpoint in input.endpoints
	not guarded(endpoint)
}

guarded(endpoint) if {
	decisive := [[policy.order, rule.action] |
		some policy in input.policies
		selects(policy, endpoint)
		some rule in policy.rules
		covers(rule)
	]
	sort(decisive)[0][1] == "Deny"
}

selects(policy, endpoint) if {
	policy.prednat
	every key, value in policy.labels {
		endpoint.labels[key] == value
	}
}

covers(rule) if {
	count(rule.nets) == 0
	ports(rule)
}

ports(rule) if count(rule.ports) == 0

ports(rule) if input.port in rule.ports
