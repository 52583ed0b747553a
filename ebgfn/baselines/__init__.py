"""Other ways to learn an Ising model from samples: no GFlowNet and, for pseudo-likelihood, no sampling at all."""
