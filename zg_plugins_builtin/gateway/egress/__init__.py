"""Requests that leave the service for addresses that others chose."""
