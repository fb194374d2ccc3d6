"""Components for the *Digests* page: the switch, kinds of results, latest digests, dry run."""
