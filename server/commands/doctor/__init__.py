"""`token-saver doctor`: checks of the installation, each with its fix."""
