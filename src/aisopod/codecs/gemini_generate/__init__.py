"""Google's generateContent dialect: https://ai.google.dev/api/generate-content."""
