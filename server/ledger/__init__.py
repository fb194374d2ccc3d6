"""What was truly saved: tokens and money, spared and spent, with the sign."""
