pytest_plugins = ["tools.nbval_tolerance", "tools.side_by_side"]
