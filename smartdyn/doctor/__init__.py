"""Looks at everything that the service needs, whether it runs or not, and says what is wrong and what to do."""
