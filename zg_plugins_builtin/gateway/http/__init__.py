"""The service over HTTP: the application, its routes and what stands before them."""
