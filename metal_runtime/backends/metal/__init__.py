"""The Metal device: Apple's GPUs through pyobjc; ``protocols.py`` is what of Metal's API it uses."""
