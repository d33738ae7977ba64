"""What checks about hosts share: host endpoints that are alike, nodes that packets meet alike.

Belongs here: what several checks ask of a world, each answer worked out once. Does not belong here:
what counts as harm, which is each check's own.
"""
