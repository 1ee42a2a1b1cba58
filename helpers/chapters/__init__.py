"""What the notebooks of one chapter share; what two chapters need stands in ``helpers`` itself."""
