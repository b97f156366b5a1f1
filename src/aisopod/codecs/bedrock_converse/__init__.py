"""Amazon Bedrock's Converse dialect: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html."""
