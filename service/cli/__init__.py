"""The top door: the command line.

Belongs here: one file a command, each exporting a ``click`` command as ``COMMAND``; ``main`` finds
them, and turns every error into an exit code. Does not belong here: any judgement of its own; a
command reads its arguments, calls a floor below and prints the answer. What is heavy to import is
imported inside the command, so that ``nodeward version`` answers at once.
"""
