"""Training images as an endless stream: all in random order, then again; pixels of dynamic sets drawn anew each time."""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from ebgfn import seeds
from ebgfn.problems.images.sets import Images

# Standard deviations of what varied images are turned and sheared by (in parts of one), scaled by, and moved by (in parts of
# half a picture).
TURN, SHEAR, SCALE, MOVE = 0.1, 0.1, 0.05, 0.07


class BinaryImages:
    """A set of images as a `Source`."""

    def __init__(self, images: Images, *, seed: int, place: tuple[int, ...] = ()):
        # A copy: arrays read from a file may not be written to, which torch does not know of.
        self._grey = torch.from_numpy((images.grey if images.dynamic else 255 * images.static()).copy())
        self._levels, self._dynamic = torch.from_numpy(images.grey.copy()), images.dynamic
        self._generator = seeds.generator(seed, "data", *place)
        self._order = torch.empty(0, dtype=torch.int64, device="cpu")

    def draw(self, n: int) -> Float[Tensor, "n dim"]:
        """The next `n` images."""
        return self.draw_with_means(n)[0]

    def draw_with_means(self, n: int) -> tuple[Float[Tensor, "n dim"], Float[Tensor, "n dim"]]:
        """The next `n` images, and the probabilities that their pixels were drawn with."""
        while len(self._order) < n:
            self._order = torch.cat(
                [self._order, torch.randperm(len(self._grey), generator=self._generator, device="cpu")]
            )
        chosen, self._order = self._order[:n], self._order[n:]
        mean = self._grey[chosen].float() / 255
        x = (torch.rand(mean.shape, generator=self._generator, device="cpu") < mean).float()
        return x, mean

    def draw_varied(self, n: int) -> Float[Tensor, "n dim"]:
        """`n` images, each turned, sheared, scaled and moved a little before it is made binary."""
        chosen = torch.randint(0, len(self._levels), (n,), generator=self._generator, device="cpu")
        side = math.isqrt(self._levels.shape[1])
        grey = self._levels[chosen].view(n, 1, side, side).float() / 255
        spread = torch.tensor([TURN, SHEAR, SCALE, SCALE, MOVE, MOVE], device="cpu")
        drawn = spread * torch.randn(n, 6, generator=self._generator, device="cpu")
        turn, shear, wide, high, right, down = drawn.unbind(1)
        rows = ((turn.cos() * (1 + wide), shear - turn.sin(), right), (turn.sin(), turn.cos() * (1 + high), down))
        map_ = torch.stack([torch.stack(row, 1) for row in rows], 1)
        grid = F.affine_grid(map_, list(grey.shape), align_corners=False)
        level = F.grid_sample(grey, grid, align_corners=False).flatten(1)
        cut = torch.rand(level.shape, generator=self._generator, device="cpu") if self._dynamic else 127.5 / 255
        return (level > cut).float()

    def state_dict(self) -> dict[str, Any]:
        return {"generator": self._generator.get_state(), "order": self._order.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._generator.set_state(state["generator"])
        self._order = state["order"]
