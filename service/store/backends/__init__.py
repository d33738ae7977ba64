"""The stores there are, one a module, each exporting BACKEND; all pass the same contract suite."""
