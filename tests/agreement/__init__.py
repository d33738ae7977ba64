"""Whether sets, traces and the reference model agree, in as many drawn worlds as one has time for."""
