"""Floor 2: what Calico does with a packet. Pure.

Belongs here: which endpoint governs an interface, which policies govern an endpoint and in which
order, what a rule matches, what each hook does, as exact sets of packets with the deciding rule of
each part, and the trace of one packet. Does not belong here: whether a result is good or bad
(``checks``).
"""
