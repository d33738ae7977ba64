"""Mutation testing of the pure floors: how many small faults in them does a test notice?

A runner of our own, because those of PyPI start an interpreter and collect the tests for each mutant. Here
the tests are collected once, each mutant is a forked process in which one function has other code, and only
the tests that run its line are run, the nearest first.
"""
