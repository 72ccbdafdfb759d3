"""The service: objectives over HTTP. Nothing here is imported until it is served."""
