"""What is counted and measured, part by part, for Prometheus.

Each part is handed its meters and counts where something happens; it knows nothing of registries or of how numbers are
asked for. Made without a registry, as parts make them for themselves in tests, meters count for nobody.

No label tells hosts, tasks or users apart: the number of series depends on what is installed, not on what is run.
"""
