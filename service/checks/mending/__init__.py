"""How findings are mended: the edits of objects, and the new ones, that checks propose.

Belongs here: raw objects as a user would write them. Whether one holds is tried out by ``service.checks.fix``.
"""
