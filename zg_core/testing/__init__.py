"""Doubles and checks for those who test plugins."""
