"""From a trained model to the folder that runs in production: graph, bundle, predictor."""
