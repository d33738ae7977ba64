"""Floor 3: our questions about a cluster, one file a check, each exporting CHECK.

Belongs here: what counts as harm, for whom, how bad it is, and what would mend it. Does not belong
here: what Calico does with a packet (``policy``), whether harm refuses a request (``admission``).
Everything is pure: the same world and settings give the same verdicts.
"""
