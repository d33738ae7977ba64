"""What an admission review means; pure, and used by every door.

Belongs here: the AdmissionReview's two shapes, the decision (before against after: only new harm
is refused), how a decision is told. Does not belong here: HTTP, certificates, journals.
"""
