"""What goes into the log, in which form, and for whom it is kept."""
