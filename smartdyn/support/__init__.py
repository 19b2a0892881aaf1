"""What a support case needs to know of an installation, without its secrets."""
