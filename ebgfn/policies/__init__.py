"""Forward and backward policies of the GFlowNet: what one is, and one file for each kind of network."""

from ebgfn.policies.conv import ConvPolicy
from ebgfn.policies.field import FieldPolicy
from ebgfn.policies.lattice import LatticePolicy, LatticePolicyAt
from ebgfn.policies.mlp import MLPPolicy
from ebgfn.policies.policy import Policy, PolicyOutput, bernoulli_log_prob, one_hot

__all__ = [
    "ConvPolicy",
    "FieldPolicy",
    "LatticePolicy",
    "LatticePolicyAt",
    "MLPPolicy",
    "Policy",
    "PolicyOutput",
    "bernoulli_log_prob",
    "one_hot",
]
