"""Looking into a running process: a Unix socket that it offers, and the client that pulls a recording through it."""
