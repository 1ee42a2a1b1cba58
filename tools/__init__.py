"""The maintainer's workshop: `python -m tools.<name>` from the root of the repository."""
