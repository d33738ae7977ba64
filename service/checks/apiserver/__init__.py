"""What the check ``apiserver_lockout`` is made of.

Belongs here: where the API server is dialled, the way of nodes, operators and outsiders to it, and what
a policy that selects nothing today would do to them.
"""
