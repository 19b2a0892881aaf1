"""Looks at the service while it works: for Prometheus, and for those who want to see what it is doing."""
