"""Address spaces through declarations, expressions and bodies, and which overload they choose."""
