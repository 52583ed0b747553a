"""Couplings recovered from samples: of a lattice, whose couplings are known, or of a file."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ebgfn.problems.base import POINTS, Bits, Look, Problem, refuse_start, settings
from ebgfn.problems.ising import uploads
from ebgfn.problems.ising.config import IsingConfig

if TYPE_CHECKING:
    from ebgfn.model import Model, Networks


class Ising(Problem):
    """A quadratic energy of binary samples."""

    name = "ising"
    text = "couplings, from samples of a lattice or of a file"
    config = IsingConfig

    @cached_property
    def trainers(self) -> dict[str, tuple[Any, Any]]:
        from ebgfn.baselines.pcd import PCD, PCDRecipe
        from ebgfn.baselines.penalised import PenalisedRecipe, PseudoLikelihood
        from ebgfn.mcmc import GibbsWithGradients
        from ebgfn.problems.ising.trainer import IsingRecipe, IsingTrainer
        from ebgfn.train.paper import Paper, PaperRecipe

        peers = {
            "pcd-gibbs": (PCD, PCDRecipe()),
            "pcd-gwg": (PCD, PCDRecipe(kernel=GibbsWithGradients, sampling_steps=20)),
            "pseudo-likelihood": (PseudoLikelihood, PenalisedRecipe()),
        }
        paper = {"paper": (Paper, PaperRecipe()), "basic": (Paper, PaperRecipe(moves=False, back_share=0.0))}
        return {"fast": (IsingTrainer, IsingRecipe()), **paper, **peers}

    @cached_property
    def sizes(self) -> tuple[Any, ...]:
        from ebgfn.nets.mlp import MLPSizes
        from ebgfn.nets.quadratic import FieldSizes, QuadraticSizes

        return (FieldSizes, MLPSizes, QuadraticSizes)

    def networks(self, config: IsingConfig, sizes: Any, dim: int) -> "Networks":
        """A quadratic energy at zero, and a policy that follows its couplings and fields, or knows nothing of them."""
        import torch

        from ebgfn.model import Networks, flat_log_z
        from ebgfn.nets.quadratic import QuadraticEnergy
        from ebgfn.nets.torus import displacements

        shared = None
        if config.couplings == "homogeneous":
            assert config.side is not None
            shared = torch.from_numpy(displacements(config.side))
        policy = sizes.policy(dim)
        energy = QuadraticEnergy(dim, shared=shared, one_field=shared is not None)
        return Networks(energy, policy, None if policy is None else flat_log_z(dim))

    def dim(self, config: IsingConfig, description: dict[str, Any]) -> int:
        """The file itself is not needed if the checkpoint says how many columns it had; of earlier versions it does not."""
        if config.path is None or "dim" not in description:
            return config.dim
        stated = description["dim"]
        if type(stated) is not int or not 2 <= stated <= uploads.MAX_DIM:
            raise ValueError(f"dim must be a whole number in 2..{uploads.MAX_DIM}, got {stated!r}")
        return stated

    def describe(self, config: IsingConfig) -> list[str]:
        kind = "homogeneous" if config.couplings == "homogeneous" else config.estimate
        how = kind if config.trainer == "fast" else f"{kind}, {config.trainer}"
        if config.path is not None:
            lattice = [f"{config.side} × {config.side} lattice"] if config.side else []
            # Its name is a digest, of which a few letters tell it from others.
            return [f"couplings of uploaded samples {Path(config.path).stem[:8]}", *lattice, how]
        name = f"couplings of a {config.side} × {config.side} lattice, σ = {config.sigma:g}".replace("-", "−")
        start = ["from the shipped model"] if config.start == "shipped" else []
        return [name, f"{config.samples:,} samples", how, *start]

    def shipped_name(self, config: IsingConfig) -> str:
        return f"{self.name}-{config.side}x{config.side}-{config.sigma:g}"

    def look(self, config: IsingConfig) -> Look:
        from ebgfn.problems.ising.look import CouplingsLook

        return CouplingsLook(config)

    def report(self, model: "Model", *, seed: int, points: int | None) -> dict[str, Any]:
        from ebgfn.problems.ising.report import report

        return report(model, seed=seed, points=points or POINTS)

    def keep_beside(self, model: "Model", folder: Path) -> None:
        """How far its couplings may be trusted."""
        from ebgfn.problems.ising import reliability

        if model.config.trainer in reliability.PENALISED:
            rows = reliability.measure(model, model.config.data(), seed=model.config.seed)
            reliability.save(reliability.Reliability.of(rows), folder)

    def data(self, config: IsingConfig, n: int, rng: np.random.Generator, *, sigma: float | None = None) -> Bits:
        return rng.choice(config.data(), n) if config.lattice is None else config.lattice.sample(n, rng)

    def begins_from(self, config: IsingConfig, shipped: Path) -> Path | None:
        """The model of the same side and kind of couplings whose sigma is nearest."""
        if config.start == "zero":
            return None
        path = nearest(config, shipped)
        if path is None:
            raise refuse_start(f"a {config.side} x {config.side} lattice with {config.couplings} couplings")
        return path


def nearest(config: IsingConfig, shipped: Path) -> Path | None:
    """Checkpoint of the same side and kind of couplings whose sigma is nearest, or None where there is none."""
    found = []
    for weights in sorted(shipped.glob(f"ising-{config.side}x{config.side}-*/model.safetensors")):
        other = settings(weights.parent)
        if isinstance(other.get("sigma"), float | int) and other.get("couplings", "free") == config.couplings:
            found.append((abs(other["sigma"] - config.sigma), weights.parent))
    return min(found)[1] if found else None
