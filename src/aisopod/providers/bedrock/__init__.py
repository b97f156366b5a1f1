"""Amazon Bedrock's Converse: https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference.html."""

from aisopod.providers.bedrock.host import host

__all__ = ["host"]
