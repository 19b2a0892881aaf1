"""How the service is doing: whether it moves, whether it can do its work, and how what it needs is."""
