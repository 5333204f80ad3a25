"""One picture painted in the manner of another, by the features of a trained network."""
