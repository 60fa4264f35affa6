"""Fits against data: pointwise log-likelihoods, leave-one-out and folds, predictive draws."""
