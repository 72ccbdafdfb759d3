"""The classifiers that come with ZeroGravity."""
