"""Training images as an endless stream: all in random order, then again; pixels of dynamic sets drawn anew each time."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ebgfn import seeds
from ebgfn.problems.images.sets import Images


class BinaryImages:
    """A set of images as a `Source`."""

    def __init__(self, images: Images, *, seed: int, place: tuple[int, ...] = ()):
        # A copy: arrays read from a file may not be written to, which torch does not know of.
        self._grey = torch.from_numpy((images.grey if images.dynamic else 255 * images.static()).copy())
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

    def state_dict(self) -> dict[str, Any]:
        return {"generator": self._generator.get_state(), "order": self._order.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._generator.set_state(state["generator"])
        self._order = state["order"]
