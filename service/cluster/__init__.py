"""Floor 4: where objects come from. For now manifests; later a live cluster.

Belongs here: bytes to documents with positions, files and folders to a snapshot. Does not belong here:
what an object means (``model``), what is done with it (everything above).
"""
