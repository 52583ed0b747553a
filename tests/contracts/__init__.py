"""What every problem, trainer, kernel, network and shipped model must hold: tests over the registries."""
