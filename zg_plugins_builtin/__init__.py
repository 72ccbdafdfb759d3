"""What comes with ZeroGravity, as a plugin like any other."""
