"""Gadfly."""
