"""An SSH client on Conch's base classes. Knows nothing of plans."""
