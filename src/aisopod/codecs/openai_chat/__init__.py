"""OpenAI's Chat Completions, the dialect that most other hosts speak too."""
