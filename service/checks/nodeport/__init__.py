"""What the check ``nodeport_unguarded`` is made of.

Belongs here: which node ports there are, what guards them, why one is not guarded and how that is told.
"""
