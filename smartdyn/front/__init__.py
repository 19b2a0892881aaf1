"""Where the service listens, for whom, and what is served there."""
