"""One request's way through candidates and profiles: policy, state and providers joined."""
