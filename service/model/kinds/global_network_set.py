"""Calico's cluster-wide network sets."""
