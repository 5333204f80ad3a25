"""Verify and recognise faces."""
