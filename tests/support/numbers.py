"""Reads what is given out for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families


class Numbers:
    """The samples of one answer."""

    def __init__(self, text: str) -> None:
        families = list(text_string_to_metric_families(text))
        self.families = {family.name: family for family in families}
        self._samples = [sample for family in families for sample in family.samples]

    @classmethod
    def of(cls, registry: CollectorRegistry) -> Numbers:
        """What a registry has now."""
        return cls(generate_latest(registry).decode())

    def get(self, name: str, **labels: str) -> float:
        """The sum of all samples of this name with these labels, 0 when there are none."""
        return sum(
            sample.value for sample in self._samples if sample.name == name and labels.items() <= sample.labels.items()
        )

    def labels(self, name: str) -> set[str]:
        """The names of the labels of a family."""
        return {label for sample in self.families[name].samples for label in sample.labels}
