"""Networks that know no problem: for each kind the energy and the policy that belong together, and their sizes."""
