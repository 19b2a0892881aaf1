"""Remote execution: scripts on hosts, as Foreman asks for them."""
