"""Floor 5: one audit from its source to records, and from records to a report.

Belongs here: the use case that every audit door shares. Does not belong here: HTTP, formats,
tables, and any clock; the moment of an audit is an argument.
"""
