"""Floor 4c: a Report becomes bytes; streaming, and the same bytes for the same report.

Belongs here: the neutral document, and one format a file under ``exporters``, each exporting
EXPORTER. Does not belong here: where results are kept, what a finding means.
"""
