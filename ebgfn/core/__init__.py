"""EB-GFN itself: partial states, trajectories and their probabilities, the two models as protocols, losses and weights.

Read in this order: `states`, `policy`, `energy`, `trajectories`, `losses`, then `ebgfn.train.paper`, the published
algorithm, which is made of these; `schedules` and `weights` when they are needed.
"""
