"""What each process of `torchrun` does in a test: one step of a learner with a loss of its own, then the command line.

Writes to FOLDER/RANK.json the gradient of the step and, at the end of training, every tensor of both models summed up.
"""

import json
import sys
from pathlib import Path

import torch
from torch import nn

from ebgfn import parallel
from ebgfn.cli import main
from ebgfn.problems import PROBLEMS
from ebgfn.train.fast import Fast
from ebgfn.train.learner import Learner


def gradient_of_a_step() -> float:
    """Of the loss (1 - 4 rank) w: 1 in the first process, -3 in the second, -1 on average."""
    module = nn.Linear(1, 1, bias=False)
    Learner(module, lr=0.0).update((1.0 - 4.0 * parallel.rank()) * module.weight.sum())
    assert module.weight.grad is not None
    return module.weight.grad.item()


def trained(arguments: list[str]) -> Fast:
    """The algorithm after the command has come to its end."""
    made = []
    trainers = PROBLEMS["toy2d"].trainers
    recipe = trainers["fast"][1]
    trainers["fast"] = lambda *given: made.append(Fast(*given)) or made[0], recipe
    main(arguments)
    return made[0]


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, *arguments = sys.argv[1:]
    parallel.meet()
    found = {"gradient": gradient_of_a_step()}
    algorithm = trained(arguments)
    for name in ("module", "averaged"):
        found[name] = {}
        for part in (getattr(algorithm.sampler, name), getattr(algorithm.energy, name)):
            found[name] |= {key: w.detach().double().sum().item() for key, w in part.state_dict().items()}
    Path(folder, f"{parallel.rank()}.json").write_text(json.dumps(found))
