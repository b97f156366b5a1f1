"""Amazon Bedrock: https://docs.aws.amazon.com/bedrock/."""
