"""HTTP only: parameters in, query called, answer out."""
