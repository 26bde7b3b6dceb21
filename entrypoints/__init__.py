"""One thin script a step: parse the parameters, call one function of kdops/steps, print what matters."""
