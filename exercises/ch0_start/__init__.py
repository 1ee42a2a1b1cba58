"""The exercises of the first notebook."""
