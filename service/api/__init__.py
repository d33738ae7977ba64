"""The audit door: REST under ``/v1``.

Belongs here: HTTP, the schemas of bodies and queries, authentication, and the one builder of
problems. Does not belong here: any judgement; a view reads its arguments, calls ``audit``,
``admission`` or ``policy``, and answers with what they say.
"""
