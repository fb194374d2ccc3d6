"""Components for the *Policy* page: the form for a rule."""
