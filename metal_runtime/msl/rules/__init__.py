"""Metal's rules, checked before anything runs: MSL text enters, findings with their places leave; ``check.py`` is the door."""
