"""What the check ``node_cutoff`` is made of.

Belongs here: the catalogue of flows that a cluster needs, which of them a cluster uses, and what becomes
of each on its way.
"""
