"""What may be turned while a model trains; what is not turned (None) stays as the recipe has it."""

from dataclasses import dataclass, fields, replace
from typing import Any

LIMITS = {"rate": (0.0, 4.0), "k": (1, 784), "share": (0.0, 1.0), "temperature": (0.25, 4.0)}


@dataclass(frozen=True)
class Knobs:
    """`rate`: learning rates in parts of the recipe's. `k`: entries that moves of the chains erase. `share` of the energy's
    negatives that the sampler has made. `temperature` at which the sampler learns the energy: of the chains, or of the
    published algorithm's reward.

    Errors: ValueError.
    """

    rate: float | None = None
    k: int | None = None
    share: float | None = None
    temperature: float | None = None

    def __post_init__(self):
        for name, value in self.turned().items():
            low, high = LIMITS[name]
            kinds: Any = int if isinstance(low, int) else (int, float)
            if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
                raise ValueError(
                    f"{name} must be {'a whole number' if kinds is int else 'a number'} in {low:g}..{high:g}"
                )

    def turned(self) -> dict[str, float]:
        """Those that are turned."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def from_json(cls, values: Any) -> "Knobs":
        """Inverse of `turned`; anything else raises ValueError."""
        names = [f.name for f in fields(cls)]
        if not isinstance(values, dict) or not set(values) <= set(names):
            raise ValueError(f"knobs are {', '.join(names)}")
        return cls(**values)


UNTURNED = Knobs()


def turned(recipe: Any, knobs: Knobs) -> Any:
    """A `FastRecipe` as the knobs would have it."""
    ours, others = ("chain_loss", "pairs"), ("noise", "flips")
    changes: dict[str, Any] = {} if knobs.rate is None else {"rate": knobs.rate}
    weights = [sum(getattr(recipe, name) for name in names) for names in (ours, others)]
    if knobs.share is not None and all(weights):
        for names, weight, share in zip((ours, others), weights, (knobs.share, 1 - knobs.share), strict=True):
            changes |= {name: getattr(recipe, name) * share * sum(weights) / weight for name in names}
    plan = {name: value for name in ("k", "temperature") if (value := getattr(knobs, name)) is not None}
    return replace(recipe, plan=replace(recipe.plan, **plan), **changes)
