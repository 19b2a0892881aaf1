"""Runs execution plans. Knows nothing of HTTP or SSH."""
