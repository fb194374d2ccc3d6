"""The pages, one a file. Each has ``add(hub)``, which registers its address."""
