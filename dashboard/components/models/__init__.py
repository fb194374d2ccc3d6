"""Models: installed, loaded, downloading and recommended models, and the memory they use."""
