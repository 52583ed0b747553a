"""Peers: other ways to train the same energies, by the same `Trainer` protocol, without a GFlowNet; and other models."""
