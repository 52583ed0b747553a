"""How good a model is: likelihoods, distances between samples, and exact values where enumeration is possible."""
