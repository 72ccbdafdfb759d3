"""The built-in journals: where runs are kept."""
