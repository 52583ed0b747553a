"""Numbers and messages as text: true minus signs, errors, Markdown that is none."""

from collections.abc import Mapping
from typing import Any


def minus(number: str) -> str:
    """A number with a true minus sign."""
    return number.replace("-", "−")


def signed(value: float, digits: int = 3) -> str:
    """A number with its sign."""
    return minus(f"{value:+.{digits}f}")


def rounded(value: float, digits: int = 3) -> str:
    """A number with a true minus sign; never −0."""
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else minus(text)


def with_error(values: Mapping[str, Any], name: str, digits: int = 3) -> str:
    """A figure with two standard errors, where they are known."""
    error = f" ± {2 * values[f'{name}_se']:.{digits}f}" if f"{name}_se" in values else ""
    return minus(f"{values[name]:.{digits}f}{error}")


def excess(values: Mapping[str, Any], model: str, floor: float | None) -> str:
    """NLL of a model (gfn or ebm) above the floor: on the very test points where that is known, else on average."""
    if f"{model}_excess" in values:
        return f"{'+' * (values[f'{model}_excess'] >= 0)}{with_error(values, f'{model}_excess', 4)}"
    return "" if floor is None else signed(values[f"{model}_nll"] - floor)


def millionths(values: Mapping[str, Any], name: str) -> str:
    """A small figure times a million, with two standard errors where they are known."""
    error = f" ± {2e6 * values[f'{name}_se']:.0f}" if f"{name}_se" in values else ""
    return minus(f"{1e6 * values[name]:.0f}{error}")


def plain(text: str) -> str:
    """A message without Markdown of its own."""
    return "".join(f"\\{c}" if c in r"\`*_{}[]<>#+!|$:~" else c for c in text)


def clock(seconds: float) -> str:
    """A duration for people."""
    seconds = round(seconds)
    if seconds < 90:
        return f"{seconds} s"
    return f"{seconds // 60} min {seconds % 60:02d} s" if seconds < 5400 else f"{seconds / 3600:.1f} h"
