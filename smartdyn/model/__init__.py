"""The pure heart: what plans, steps and flows are, and the rules they follow. Imports nothing else of ours."""
