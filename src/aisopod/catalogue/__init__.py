"""What is known of models: listings, facts, prices, aliases."""
