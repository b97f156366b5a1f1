"""Pure decisions: (what is remembered, what happened, time, chance) to what follows."""
