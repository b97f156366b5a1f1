"""Models on Amazon Bedrock."""
