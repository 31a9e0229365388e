"""Learning the weights: the Lightning module, the recipe, the run folder and exact resume."""
