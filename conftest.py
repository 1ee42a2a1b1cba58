pytest_plugins = ["tools.nbval_tolerance"]
