"""The numbers under the pictures of the plane, from the figures of one moment."""

from ebgfn.ui.shell.text import excess, millionths, minus, signed, with_error

Number = tuple[str, str]

MEANING = {
    "floor": "Entropy of the data on this grid, in nats: no model's NLL can be lower on average.",
    "NLL": "Mean of −log probability of fresh test points, in nats: E(x) + log Z, or −log q(x) for the sampler. "
    "Refuted: the energy has mass that its sampler misses, so log Z is not known.",
    "above floor": "NLL minus that of the true density: what is left to learn, in nats. Negative values are noise.",
    "log Z": "log Z in nats: the largest estimate, each being too low on average.",
    "annealed": "log Z in nats by annealing with local moves, which does not use the sampler.",
    "acceptance": "Mean acceptance of back-and-forth moves of 8 bits: 1 if the sampler matches the energy exactly.",
    "effective sample size": "Of the weights that estimate Z, as a share: 1 if sampler and energy agree.",
    "MMD × 10⁶": "Maximum mean discrepancy of samples and data, in millionths; negative values are noise around zero.",
    "data to data": "The same between two sets of data, in millionths: the best value to expect.",
    "distance to target": "Total variation: the largest error of the probability of any event, exact over all states.",
    "distance to energy": "Total variation between sampler and energy, exact over all states: 0 if they agree.",
}


def numbers(values: dict[str, float], floor: float | None = None) -> dict[str, list[Number]]:
    """Labelled numbers for each panel from the figures of one moment; what is unknown is left out."""
    floor = values.get("entropy_floor", floor)

    def plain(name: str, label: str, digits: int) -> list[Number]:
        return [(label, minus(f"{values[name]:.{digits}f}"))] if name in values else []

    return {
        "target": [] if floor is None else [("floor", f"{floor:.3f}")],
        "energy": _of_energy(values, floor) + _log_z(values) + plain("tv_energy", "distance to target", 4),
        "sampler": _nll(values, "gfn_nll", floor) + plain("tv_sampler", "distance to target", 4),
        "difference": plain("mh_acceptance", "acceptance", 3)
        + plain("ess", "effective sample size", 3)
        + plain("tv_difference", "distance to energy", 4),
        "samples": [(label, millionths(values, name)) for name, label in MMD.items() if name in values],
    }


def _nll(values: dict[str, float], name: str, floor: float | None) -> list[Number]:
    if name not in values:
        return []
    above = excess(values, name.removesuffix("_nll"), floor)
    return [("NLL", with_error(values, name)), *([("above floor", above)] if above else [])]


def _of_energy(values: dict[str, float], floor: float | None) -> list[Number]:
    """Where log Z was searched for and there is no NLL, the energy is refuted."""
    refuted = "log_z_sampler" in values and "ebm_nll" not in values
    return [("NLL", "refuted")] if refuted else _nll(values, "ebm_nll", floor)


def _log_z(values: dict[str, float]) -> list[Number]:
    if "log_z" not in values:
        return []
    rows = [("log Z", signed(values["log_z"]))]
    if "log_z_annealed" in values:
        rows.append(("annealed", signed(values["log_z_annealed"])))
    return rows


MMD = {"mmd": "MMD × 10⁶", "mmd_data": "data to data"}
