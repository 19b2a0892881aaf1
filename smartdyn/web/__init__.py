"""HTTP: the API that Foreman speaks, and the console."""
