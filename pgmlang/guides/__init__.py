"""Guides: the distributions that variational inference fits to the posterior. One file a family."""
