"""One module a claim: `CLAIM`, `ISSUE`, `COVERS` and `run(context)`. Heavy imports sit inside functions."""
