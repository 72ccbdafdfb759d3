"""The commands of the service; none imports the service before it is called."""
