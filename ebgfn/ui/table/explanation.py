"""How a model of a table works, in plain words and in formulas."""

HOW = r"""Every cell becomes a few bits: a category by its code, a number by its bin, so that a row is a vector $x$ of $D$
bits. An **energy** $E(x)$ says how probable a row is,

$$
p(x) = \frac{e^{-E(x)}}{Z}, \qquad Z = \sum_{x'} e^{-E(x')},
$$

and a **GFlowNet**, the sampler, draws rows bit by bit, in whatever order $o$:

$$
\log q(x \mid o) = \sum_{i=1}^{D} \log q\big(x_{o_i} \mid x_{o_1}, \dots, x_{o_{i-1}}\big).
$$

As it can begin with any bits, it answers whatever is asked of a row: given these cells, what of those? **log p** is the
sampler's log-probability of a row, as a mean of $q$ over random orders, in nats: natural logarithms. In training the sampler
learns from the table and from the energy, and the energy learns to tell the table's rows from those that the sampler draws.
Of the rows one in ten is kept for choosing and two for measuring; the model never sees these."""
