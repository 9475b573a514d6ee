"""HTTP only: parameters in, query called, model out."""
