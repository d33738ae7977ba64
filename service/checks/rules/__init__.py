"""What the checks of single rules are made of.

Belongs here: at which chains a policy acts, which of its rules ever meet a packet, and what takes the others'.
"""
