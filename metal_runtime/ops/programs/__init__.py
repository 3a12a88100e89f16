"""Kernels of operators, written in iris' own Python: dtypes in, MSL programs out; one module a family."""
