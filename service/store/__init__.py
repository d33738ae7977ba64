"""Floor 4b: where the results of audits go, and come from.

Belongs here: the port (``port.AuditStore``), the records that pass through it, the tables, and one
backend a file, each exporting BACKEND. Does not belong here: what a finding means, or how it is
shown. Records are plain values; no SQLAlchemy type leaves this package.
"""
