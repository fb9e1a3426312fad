"""What a run costs: rates a stage, prices, the model of both, and the shuffles of a billion rows simulated."""
