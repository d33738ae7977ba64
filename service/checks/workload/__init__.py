"""What the checks of pods' own policies are made of.

Belongs here: which workloads there are, and which calls between them policies mean and let through.
"""
