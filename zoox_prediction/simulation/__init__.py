"""A reactive traffic world, its sensors, and forks of it for true counterfactuals."""
