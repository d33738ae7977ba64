"""Floor 1: frozen Calico and Kubernetes objects, and how they are read.

Belongs here: one file a kind, the selector language, what each of Calico's three layers of
validation says of an object, the immutable snapshot. Does not belong here: what a packet
experiences (that is ``policy``), files and streams (that is ``cluster``).
"""
