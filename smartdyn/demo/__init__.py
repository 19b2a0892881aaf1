"""A demonstration on one machine: the product's own code, an embedded SSH host and a stand-in for Foreman."""
