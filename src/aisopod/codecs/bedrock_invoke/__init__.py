"""Anthropic's Messages dialect inside Bedrock's InvokeModel."""
