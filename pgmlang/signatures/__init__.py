"""What distributions, functions and network blocks there are: one row each. Torch only by dotted name."""
