"""The making of certificates: a certificate authority and the server certificate that it signs.

Belongs here: keys, certificates, when they are due, and the folder that holds them. Does not
belong here: serving them (``webhook.tls``), any knowledge of Calico or Kubernetes beyond a
Service's DNS name. Of ``service`` only ``service.errors`` is imported.
"""
