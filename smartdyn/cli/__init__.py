"""The smartdyn command."""
