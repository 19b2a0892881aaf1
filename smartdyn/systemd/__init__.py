"""What systemd and the service tell each other: readiness, liveness, sockets that are handed over."""
