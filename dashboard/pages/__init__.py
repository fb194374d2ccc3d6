"""The pages, one a file. Each has a ``show`` that fills the page for one visitor."""
