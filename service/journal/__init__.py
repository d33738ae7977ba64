"""An append-only log of records in checksummed segments: what was answered stays answered.

Belongs here: the form of a segment (``segments``), its one writer (``writer``), and reading what any
writer left (``reader``). Does not belong here: what a record means. A record is one line of JSON.
"""
