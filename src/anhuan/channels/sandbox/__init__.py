"""The default: every message of every channel becomes a file in a folder, and nobody is contacted."""
