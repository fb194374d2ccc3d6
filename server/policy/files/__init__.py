"""File access: roots, links, protected files, special names."""
