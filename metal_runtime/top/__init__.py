"""A process or a trace file in; the inspector, a terminal application, out."""
