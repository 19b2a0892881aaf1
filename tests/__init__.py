"""The tests of smartdyn."""

from hypothesis import HealthCheck, settings

# On a machine that does something else too, an example may take any time
settings.register_profile("smartdyn", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("smartdyn")
