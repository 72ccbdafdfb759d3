"""Write runs to files of JSON lines."""
