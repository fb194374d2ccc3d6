"""Source code: languages, grammars, syntax trees."""
