"""Watches for tests that are not about watching."""

from service.cluster.watch import Watch


def make_watch(world):
    """A watch that has read *world* and is closed."""
    made = Watch([], lambda: world)
    made.start()
    made.close()
    return made
