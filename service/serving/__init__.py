"""What both doors serve by: gunicorn and its limits, the life of a request, the shape of every error.

Belongs here: what would otherwise stand in ``service.api`` and ``webhook`` alike, and every import of
gunicorn. Does not belong here: any knowledge of clusters, checks or stores.
"""
