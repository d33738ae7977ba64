"""The formats of a report, one a module, each exporting EXPORTER."""
