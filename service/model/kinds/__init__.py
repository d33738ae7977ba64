"""Resource kinds, one file each: its dataclass, how it is decoded, and the constant ``KIND``.

Does not belong here: anything that evaluates. Wire names stay inside the decode functions.
"""
