"""Commands of a trained model: evaluate, sample, chain."""

import argparse
import json
from pathlib import Path
from typing import Any

from ebgfn import problems, shipped
from ebgfn.cli.said import answer, loaded, progress_bar, save, writable
from ebgfn.files import write_bytes
from ebgfn.runs import store
from ebgfn.runs.folder import STATUS, RunFolder

MAX_CHAIN_BITS = 5 * 10**8
USUAL_K = 8


def evaluate(args: argparse.Namespace) -> int:
    folder = store.locate(args.model, shipped=shipped.folder())
    figures = problems.evaluate(loaded(folder, args.device), points=args.points, seed=args.seed)
    if (seconds := trained_seconds(folder)) is not None:
        figures = {"train_seconds": seconds} | figures
    text = "\n".join(f"{k:15} {v:.4f}" if isinstance(v, float) else f"{k:15} {v}" for k, v in figures.items())
    answer(figures, text, as_json=args.json)
    return 0


def trained_seconds(checkpoint: Path) -> float | None:
    """What the run that the checkpoint lies in, or the card beside it, says; None if neither is there."""
    if (checkpoint.parent / STATUS).is_file():
        return RunFolder(checkpoint.parent).read_status().elapsed_s
    path = checkpoint / "card.json"
    card = json.loads(path.read_text()) if path.is_file() else None
    return card.get("train_seconds") if isinstance(card, dict) else None


def sample(args: argparse.Namespace) -> int:
    folder, out = store.locate(args.model, shipped=shipped.folder()), writable(args.out)
    import torch

    model = loaded(folder, args.device)
    problem, generator = problems.of(model.config), torch.Generator(model.device).manual_seed(args.seed)
    model = problem.at(model, args.sigma)
    if model.policy is None:
        raise ValueError(
            f"{args.model} has no sampler: it is an energy alone, of which `chain --kernel gibbs` makes samples"
        )
    x, again = samples(model, args.n, generator, steps=args.steps)
    if out.suffix == ".csv":
        write_bytes(out, problem.as_csv(model.config, x).encode())
    else:
        asked = {"model": args.model, "seed": args.seed, "steps": args.steps, "sigma": args.sigma}
        about = {name: value for name, value in asked.items() if value is not None}
        save(out, x, about, **problem.decode(model.config, x))
    told = {"out": str(out), "n": args.n, "dim": model.dim, "seed": args.seed} | (
        {"drawn_again": again} if again else {}
    )
    answer(told, str(out), as_json=args.json)
    return 0


def samples(model: Any, n: int, generator: Any, *, steps: int | None) -> tuple[Any, int]:
    """So many, each of which stands for something, and how many more were drawn that do not."""
    from ebgfn.problems import drawn

    parts = []
    with progress_bar(n) as bar:
        for part in drawn.pieces(model, n, generator, steps=steps):
            parts.append(part)
            bar.update(len(part.x))
    return drawn.joined(parts)


def chain(args: argparse.Namespace) -> int:
    folder, out = store.locate(args.model, shipped=shipped.folder()), writable(args.out)
    import numpy as np
    import torch

    from ebgfn.mcmc import run_chain

    model = loaded(folder, args.device)
    problem, generator = problems.of(model.config), torch.Generator(model.device).manual_seed(args.seed)
    model = problem.at(model, args.sigma)
    if (args.steps + 1) * args.chains * model.dim > MAX_CHAIN_BITS:
        raise ValueError(f"(steps + 1) * chains * {model.dim} bits must be at most {MAX_CHAIN_BITS}: ask for fewer")
    kernel = kernel_of(model, args)
    rng = np.random.default_rng(args.seed)
    data = problem.data(model.config, args.chains, rng, sigma=args.sigma)
    states, parts, piece = [data[None]], [], max(1, args.steps // 50)
    with progress_bar(args.steps) as bar:
        for begin in range(0, args.steps, piece):
            count = min(piece, args.steps - begin)
            x = torch.from_numpy(states[-1][-1]).float().to(model.device)
            part = run_chain(kernel, x, steps=count, generator=generator)
            states.append(part.x[1:].cpu().numpy())
            parts.append((part.accepted.cpu().numpy(), part.log_alpha.cpu().numpy()))
            bar.update(count)
    accepted, log_alpha = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    asked = {name: getattr(args, name) for name in ("steps", "chains", "seed")}
    asked |= {"k": kernel.k} if hasattr(kernel, "k") else {}
    about = {"model": args.model, "kernel": args.kernel, **asked}
    save(out, np.concatenate(states), about, accepted=accepted, log_alpha=log_alpha)
    figures = {"out": str(out), **asked, "acceptance": float(accepted.mean())}
    answer(figures, f"{out}\nacceptance {accepted.mean():.4f}", as_json=args.json)
    return 0


def kernel_of(model: Any, args: argparse.Namespace) -> Any:
    """Back-and-forth moves in the usual schedule, where there is a sampler, or whichever kernel is asked for."""
    from ebgfn.core.schedules import usual_schedule
    from ebgfn.mcmc import KERNELS, BackAndForth

    name = args.kernel or ("gibbs" if model.policy is None else "back-and-forth")
    if name not in KERNELS:
        raise ValueError(f"kernel must be one of {', '.join(KERNELS)}, got {name!r}")
    if name == "back-and-forth" and model.policy is not None:
        k = USUAL_K if args.k is None else args.k
        if not isinstance(k, int) or not 1 <= k <= model.dim:
            raise ValueError(f"k must be a whole number in 1..{model.dim}, got {k}")
        return BackAndForth(model.energy, model.policy, k=k, schedule=usual_schedule(model.policy, k=k))
    if args.k is not None:
        raise ValueError(f"k must not be given with kernel {name}: it is of back-and-forth moves")
    return KERNELS[name].make(model.energy, model.policy)
