"""Components of the page *Digests*: the switch, the kinds of results, the latest digests, the dry run."""
