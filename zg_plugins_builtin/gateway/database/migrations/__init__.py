"""What makes the tables, and changes them, version by version.

Each part of the service has a chain of its own: its first file has
``down_revision = None`` and the part's name as its label, its later ones name the
one before. So nobody's file waits for somebody else's. A file whose tables refer to
another part's says ``depends_on = "identity_0001"``.
"""
