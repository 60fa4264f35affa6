"""Programs of loops over scalars, compiled for the CPU: the third printer of a Model, beside torch's and Pyro's."""
