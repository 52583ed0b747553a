"""Steps of optimisation that torch has not: Muon on kernels of convolutions, proximal steps of couplings."""
