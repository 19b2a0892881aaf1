"""The API of the command line, and of whoever wants to look after this service with a program."""
