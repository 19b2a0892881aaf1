"""The way back to Foreman: callbacks that are never lost."""
