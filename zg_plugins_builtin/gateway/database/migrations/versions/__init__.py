"""One file per version of a part: ``identity_0001.py``."""
