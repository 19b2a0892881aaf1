"""smartdyn: durable workflows for the proxy hosts of Foreman."""

__version__ = "0.1.0"
