"""The search engine: spaces, supernets, predictors, objectives, evolution, fronts. No HTTP, no SQL, no clock."""
